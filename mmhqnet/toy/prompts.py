"""What one would say of a drawn person: captions from what was drawn."""
import numpy as np

from .traits import FEMALE

COLOURS = dict(
    yellow=(255, 220, 110),
    orange=(255, 158, 60),
    red=(228, 72, 60),
    pink=(205, 62, 135),
    purple=(128, 80, 190),
    blue=(62, 100, 205),
    teal=(36, 142, 160),
    green=(96, 138, 100))
POSITIONS = {1: ('', ), 2: ('left', 'right'), 3: ('left', 'middle', 'right')}


def noun_of(age, gender):
    """Who a person is, such as ``'old woman'``; unknown is None."""
    if age is not None and age < 4:
        return 'baby'
    female = gender == FEMALE
    if age is not None and age < 16:
        return 'child' if gender is None else ('boy', 'girl')[female]
    noun = 'person' if gender is None else ('man', 'woman')[female]
    if age is None or 30 <= age < 60:
        return noun
    return f'young {noun}' if age < 30 else f'old {noun}'


def colour_of(rgb):
    """Name of the nearest colour of clothes."""
    return min(
        COLOURS,
        key=lambda name: np.abs(np.subtract(rgb, COLOURS[name])).sum())


def clothes_of(traits):
    """What a person wears, such as ``'a green dress'``."""
    garment = dict(dress='dress', romper='romper').get(traits.outfit, 'shirt')
    article = 'an' if colour_of(traits.top)[0] in 'aeiou' else 'a'
    return f'{article} {colour_of(traits.top)} {garment}'


def captions_of(people):
    """Ways to refer to each person of a picture, and to nobody else.

    Args:
        people (list[dict]): Annotations with ``bbox``, ``clothes``, and
            ``gender`` and ``age`` where they are known.

    Returns:
        list[list[str]]: Captions of each person, short ones first; with words
        for the side where there are two or three people.
    """
    order = np.argsort(
        [person['bbox'][0] + person['bbox'][2] / 2 for person in people])
    places = POSITIONS.get(len(people), ('', ) * len(people))
    place_of = dict(zip(order.tolist(), places))
    nouns = [
        noun_of(person.get('age'), person.get('gender')) for person in people
    ]
    wordings = []
    for index, person in enumerate(people):
        noun, clothes = nouns[index], person['clothes']
        others = [(other, people[number]['clothes'])
                  for number, other in enumerate(nouns) if number != index]
        # "woman" may also mean an old woman, "person" anybody.
        alike = [
            worn for other, worn in others
            if noun in ('person',
                        'child') or other.endswith(noun) or other in ('person',
                                                                      'child')
        ]
        ways = []
        if not alike:
            ways.append(noun)
        if clothes not in alike:
            ways.append(f'{noun} in {clothes}')
        if clothes not in [worn for _, worn in others]:
            ways.append(f'the one in {clothes}')
        if place := place_of[index]:
            side = 'in the middle' if place == 'middle' else f'on the {place}'
            ways += [
                f'{place} person', f'{noun} {side}',
                f'{noun} in {clothes}, {place}'
            ]
        wordings.append(ways)
    return wordings


def captions_of_file(content, seed=0, number=2):
    """Some captions of each drawn person, by annotation id.

    Args:
        content (dict): Annotation file of a toy data set; persons of others
            get no captions.
        seed (int): Of the choice.
        number (int): Captions of a person at most.

    Returns: dict[int, list[str]]: Captions by annotation id.
    """
    people = {}
    for annotation in content['annotations']:
        if 'clothes' in annotation:
            people.setdefault(annotation['image_id'], []).append(annotation)
    captions = {}
    for picture in people.values():
        for person, ways in zip(picture, captions_of(picture)):
            rng = np.random.default_rng([seed, person['id']])
            captions[person['id']] = rng.permutation(ways)[:number].tolist()
    return captions
