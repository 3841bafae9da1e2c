"""Prompts on any model's persons: which of them is meant."""
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np
from pycocotools import mask as mask_utils

from mmhqnet.structures import Box, Prompt, Text

from .descriptions import choose, parse
from .results import Person, Persons


@dataclass(frozen=True)
class Choice:
    """Who is meant, and why.

    Attributes:
        index: Of the person; None if nobody is meant.
        reason: For people.
        match: Share of the points inside of the person, or IoU of the boxes.
        tied: Other persons that match and score as well.
    """
    index: Optional[int]
    reason: str
    match: Optional[float] = None
    tied: int = 0

    def to_dict(self) -> dict:
        """As JSON has it."""
        result = dict(reason=self.reason)
        if self.match is not None:
            result.update(match=round(self.match, 4), tied=self.tied)
        return result


def person_meant(persons: Persons, prompt: Prompt) -> Optional[Person]:
    """The one of an image's persons that a prompt means; None without any.

    Raises: InputError: See :func:`select_person`.
    """
    index = choice_among(persons, prompt).index
    return None if index is None else persons[index]


def choice_among(persons: Persons, prompt: Prompt) -> Choice:
    """As :func:`person_meant`, the index and the reason."""
    columns = dict(persons.columns, bboxes=persons.columns.get('bboxes', ()))
    if columns.get('masks') is not None and len(persons):
        columns['masks'] = np.stack(
            [mask_utils.decode(code) for code in columns['masks']])
    return choose_person(prompt, columns, persons.image.shape[:2])


def select_person(prompt: Prompt, persons: Mapping[str, Sequence],
                  image_size: Tuple[int, int]) -> Optional[int]:
    """Find the person that a prompt means.

    Points and scribbles: the person with the largest share of the prompt
    inside of the mask, or of the box where there is no mask, times the score.
    Boxes: the largest overlap of the boxes (IoU) times the score. Words: see
    :mod:`mmhqnet.apis.descriptions`. Between equals, the smaller person is in
    front.

    Args:
        prompt: In the pixels of the image.
        persons: Fields of n persons, in arrays or CPU tensors: ``bboxes`` (n,
            4) and ``scores`` (n, ); ``masks`` (n, h, w), if there are any;
            ``genders`` and ``ages`` (n, ) for words.
        image_size: (h, w) of the image.

    Returns: Index of the person; None if nobody is there.

    Raises:
        InputError: If the prompt lies outside of the image, or says what the
            model does not know.
    """
    return choose_person(prompt, persons, image_size).index


def choose_person(prompt: Prompt, persons: Mapping[str, Sequence],
                  image_size: Tuple[int, int]) -> Choice:
    """As :func:`select_person`, with the reason."""
    height, width = image_size
    prompt.check_inside(width, height)
    description = parse(prompt.caption) if isinstance(prompt, Text) else None
    boxes = np.asarray(persons['bboxes'], float).reshape(-1, 4)
    if not len(boxes):
        return Choice(None, 'nobody was found in the image')
    if description is not None:
        index = choose(description, persons, image_size)
        return Choice(
            index, 'the words fit nobody'
            if index is None else 'the words fit; see the grammar')
    if isinstance(prompt, Box):
        match, by = _iou(np.ravel(prompt.points), boxes), 'IoU of the boxes'
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    else:
        match, sizes = _share_inside(prompt.points, persons, boxes)
        where = 'box' if persons.get('masks') is None else 'mask'
        by = f'share of the prompt inside of the {where}'
    ranks = match * np.asarray(persons['scores'], float)
    best = int(np.lexsort((sizes, -ranks))[0])
    if ranks[best] <= 0:
        return Choice(None, 'the prompt touches nobody')
    tied = int((ranks == ranks[best]).sum()) - 1
    reason = f'largest {by} times the score'
    if tied:
        reason += '; of equals the smallest, which is in front'
    return Choice(best, reason, float(match[best]), tied)


def _share_inside(points: np.ndarray, persons: Mapping[str, Sequence],
                  boxes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Share of the points inside of each person, and the persons' sizes."""
    x, y = points.T
    in_box = ((x >= boxes[:, :1]) & (x <= boxes[:, 2:3]) & (y >= boxes[:, 1:2])
              & (y <= boxes[:, 3:]))
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    masks = persons.get('masks')
    if masks is None:
        return in_box.mean(1), sizes
    masks = np.asarray(masks, bool)
    height, width = masks.shape[1:]
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    columns = np.clip(np.floor(x).astype(int), 0, width - 1)
    rows = np.clip(np.floor(y).astype(int), 0, height - 1)
    in_mask = masks[:, rows, columns] & inside
    areas = masks.sum((1, 2))
    drawn = areas > 0
    return (np.where(drawn, in_mask.mean(1),
                     in_box.mean(1)), np.where(drawn, areas, sizes))


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Overlap of a box with n boxes, (n, )."""
    corner = np.maximum(box[:2], boxes[:, :2])
    opposite = np.minimum(box[2:], boxes[:, 2:])
    inside = (opposite - corner).clip(0).prod(1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] -
                                          boxes[:, :2]).prod(1) - inside
    return inside / np.maximum(union, 1e-9)
