"""Prompts on any model's persons: which of them is meant."""
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np
from pycocotools import mask as mask_utils

from mmhqnet.structures import Box, Prompt, Text

from .descriptions import choose, parse
from .results import Person, Persons


def person_meant(persons: Persons, prompt: Prompt) -> Optional[Person]:
    """The one of an image's persons that a prompt means.

    Args:
        persons: What :class:`HQNetInferencer` found in the image.
        prompt: In the pixels of the image.

    Returns:
        Person, optional: With everything the model knows; None if nobody is
        there.

    Raises: InputError: See :func:`select_person`.
    """
    columns = dict(persons.columns)
    if len(persons) and columns.get('masks') is not None:
        columns['masks'] = np.stack(
            [mask_utils.decode(code) for code in columns['masks']])
    if not len(persons):
        columns = dict(
            bboxes=np.zeros((0, 4)),
            scores=np.zeros(0),
            genders=np.zeros(0),
            ages=np.zeros(0))
    index = select_person(prompt, columns, persons.image.shape[:2])
    return None if index is None else persons[index]


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
    height, width = image_size
    prompt.check_inside(width, height)
    if isinstance(prompt, Text):
        return choose(parse(prompt.caption), persons, image_size)
    boxes = np.asarray(persons['bboxes'], float).reshape(-1, 4)
    if not len(boxes):
        return None
    if isinstance(prompt, Box):
        match = _iou(np.ravel(prompt.points), boxes)
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    else:
        match, sizes = _share_inside(prompt.points, persons, boxes)
    match = match * np.asarray(persons['scores'], float)
    best = np.lexsort((sizes, -match))[0]
    return int(best) if match[best] > 0 else None


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
