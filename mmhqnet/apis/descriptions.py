"""Simple words about a person, on what HQNet knows: gender, age and place.

The grammar, in any order and with any of the small words "the a an of on in
at to from side one who is and":

==========  =============================================================
who         person, adult, man, woman, boy, girl, child, kid, baby,
            teenager; male, female; young, old, elderly; and plurals
which       oldest, youngest, tallest, largest, biggest, smallest
where       left, right, middle, centre, top, bottom; leftmost, rightmost
counting    first .. tenth, last; from the left unless "right" is said
==========  =============================================================

"Woman" and "man" mean nobody below 14 years, "child", "boy", "girl" and "kid"
nobody above 15, "baby" nobody above 3, "teenager" 13 to 19, "young" below 36,
"old" and "elderly" 60 and more. A side alone means the person nearest to it;
with "which" it means that half of the image. Sizes are heights in the image
("tallest") and areas of boxes. Who is left is ranked by score.
"""
import re
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np

from mmhqnet.errors import InputError

MALE, FEMALE = 0, 1
SMALL_WORDS = frozenset('the a an of on in at to from side one who is and '
                        'most hand'.split())
# (gender, youngest, oldest); None and infinity where it does not matter
WHO = dict(
    person=(None, 0, np.inf),
    people=(None, 0, np.inf),
    adult=(None, 18, np.inf),
    man=(MALE, 14, np.inf),
    men=(MALE, 14, np.inf),
    woman=(FEMALE, 14, np.inf),
    women=(FEMALE, 14, np.inf),
    male=(MALE, 0, np.inf),
    female=(FEMALE, 0, np.inf),
    boy=(MALE, 0, 15),
    girl=(FEMALE, 0, 15),
    child=(None, 0, 15),
    children=(None, 0, 15),
    kid=(None, 0, 15),
    baby=(None, 0, 3),
    babies=(None, 0, 3),
    teenager=(None, 13, 19),
    young=(None, 0, 35),
    old=(None, 60, np.inf),
    elderly=(None, 60, np.inf))
# (quantity, sign): the largest product is meant
WHICH = dict(
    oldest=('age', 1),
    youngest=('age', -1),
    tallest=('height', 1),
    largest=('area', 1),
    biggest=('area', 1),
    smallest=('area', -1))
# (axis, side): 0 is x, 1 is y; -1 near the origin, 0 in the middle
WHERE = dict(
    left=(0, -1),
    leftmost=(0, -1),
    right=(0, 1),
    rightmost=(0, 1),
    middle=(0, 0),
    centre=(0, 0),
    center=(0, 0),
    top=(1, -1),
    bottom=(1, 1))
COUNTING = {
    word: number
    for number, word in enumerate(
        'first second third fourth fifth sixth seventh eighth ninth '
        'tenth'.split())
}
COUNTING['last'] = -1


@dataclass(frozen=True)
class Description:
    """What a caption says.

    Attributes:
        genders: Those it names; two are a contradiction.
        ages: Youngest and oldest.
        which: Of :data:`WHICH`.
        where: Of :data:`WHERE`.
        count: From 0; -1 is the last.
    """
    genders: frozenset = frozenset()
    ages: Tuple[float, float] = (0, np.inf)
    which: Optional[Tuple[str, int]] = None
    where: Optional[Tuple[int, int]] = None
    count: Optional[int] = None


def parse(caption: str) -> Description:
    """Read a caption such as ``'the oldest woman on the left'``.

    Raises:
        InputError: If it holds a word that the grammar does not know, or two
            of one kind that do not go together.
    """
    genders, ages, found = set(), [0, np.inf], {}
    says_who = False
    for word in re.findall(r'[a-z]+', caption.lower()):
        who = WHO.get(word) or WHO.get(word.removesuffix('s'))
        if who is not None:
            says_who = True
            genders |= {who[0]} - {None}
            ages = [max(ages[0], who[1]), min(ages[1], who[2])]
            continue
        for name, words in (('which', WHICH), ('where', WHERE), ('count',
                                                                 COUNTING)):
            if word in words:
                if found.setdefault(name, words[word]) != words[word]:
                    raise InputError(
                        f'{caption!r} says two different things of one kind; '
                        f'the second is {word!r}')
                break
        else:
            if word not in SMALL_WORDS:
                raise InputError(
                    f'{caption!r}: nothing is known of {word!r}; say it with '
                    f'{", ".join([*WHO, *WHICH, *WHERE, *COUNTING])}, or use '
                    'a model that reads text (UniPHD)')
    if len(genders) > 1 or ages[0] > ages[1]:
        raise InputError(f'{caption!r} contradicts itself: nobody is all of '
                         'that')
    if not (says_who or found):
        raise InputError(f'{caption!r} does not say who is meant')
    return Description(frozenset(genders), tuple(ages), **found)


def choose(description: Description, persons: Mapping[str, Sequence],
           image_size: Tuple[int, int]) -> Optional[int]:
    """Find the person that a description means.

    Args:
        description: From :func:`parse`.
        persons: Fields of n persons: ``bboxes`` (n, 4), ``scores`` (n, ) and,
            as far as the words need them, ``genders`` and ``ages`` (n, ), -1
            where unknown.
        image_size: (h, w) in the pixels of the boxes.

    Returns: Index of the person; None if nobody fits.

    Raises: InputError: If the model does not tell what the words need.
    """
    boxes = np.asarray(persons['bboxes'], float).reshape(-1, 4)
    kept = np.ones(len(boxes), bool)
    if description.genders:
        gender, = description.genders
        kept &= _field(persons, 'genders') == gender
    youngest, oldest = description.ages
    if description.ages != (0, np.inf):
        ages = _field(persons, 'ages')
        kept &= (ages >= youngest) & (ages <= oldest) & (ages >= 0)
    inds = np.flatnonzero(kept)
    # Best score first, so that it wins all ties.
    inds = inds[np.argsort(
        -np.asarray(persons['scores'])[inds], kind='stable')]
    if description.count is not None:
        return _count(description, boxes, inds)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / image_size[::-1]
    if description.which is not None:
        return _extreme(description, persons, boxes, centres, inds)
    if not len(inds):
        return None
    if description.where is not None:
        axis, side = description.where
        place = centres[inds, axis]
        away = np.abs(place - .5) if side == 0 else -side * place
        return int(inds[np.argmin(away)])
    return int(inds[0])


def _field(persons: Mapping[str, Sequence], name: str) -> np.ndarray:
    if persons.get(name) is None:
        raise InputError(f'the caption needs {name}, which this model does '
                         'not predict')
    return np.asarray(persons[name], float)


def _count(description: Description, boxes: np.ndarray,
           inds: np.ndarray) -> Optional[int]:
    """The n-th along an axis, from the left unless another side is said."""
    axis, side = description.where or (0, -1)
    if side == 0:
        raise InputError('one can count from a side, not from the middle')
    place = (boxes[inds, axis] + boxes[inds, axis + 2]) / 2
    order = inds[np.argsort(-side * place, kind='stable')]
    if description.count >= len(order) or not len(order):
        return None
    return int(order[description.count])


def _extreme(description: Description, persons: Mapping[str, Sequence],
             boxes: np.ndarray, centres: np.ndarray,
             inds: np.ndarray) -> Optional[int]:
    """The most of something, in the named half of the image."""
    quantity, sign = description.which
    if quantity == 'age':
        values = _field(persons, 'ages')
        inds = inds[values[inds] >= 0]
    else:
        width, height = (boxes[:, 2:] - boxes[:, :2]).T
        values = height if quantity == 'height' else width * height
    if description.where is not None:
        axis, side = description.where
        place = centres[inds, axis]
        inds = inds[np.abs(place - .5) <= .25 if side == 0 else side *
                    (place - .5) > 0]
    if not len(inds):
        return None
    return int(inds[np.argmax(sign * values[inds])])
