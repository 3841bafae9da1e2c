"""Pictures in which nobody can be recognised."""
from typing import Any, Sequence

import cv2
import numpy as np

from mmhqnet.errors import InputError

BLURS = ('face', 'person')
NUM_HEAD_KEYPOINTS = 5  # COCO's: nose, eyes, ears
CELLS = 5  # a face is left with so many by so many colours


def blur_persons(image: np.ndarray, persons: Sequence[Any],
                 what: str) -> np.ndarray:
    """A copy of an image with every face or person as coarse squares.

    A face is where the person's ``face_box`` is, else around the head's
    keypoints, else the upper part of its box. A person is its mask with a
    margin, else its box.

    Args:
        image: (H, W, 3).
        persons: With ``bbox`` and what else there is, see
            :class:`mmhqnet.apis.Person`.
        what: ``'face'`` or ``'person'``.
    """
    if what not in BLURS:
        raise InputError(f'blur is {what!r}, must be face or person')
    image = image.copy()
    height, width = image.shape[:2]
    for person in persons:
        mask = getattr(person, 'mask', None) if what == 'person' else None
        box = person.bbox if what == 'person' else face_of(person)
        margin = 0.1 * np.sqrt(max(0, np.prod(box[2:] - box[:2])))
        x1, y1 = np.floor(box[:2] - margin).clip(0).astype(int)
        x2, y2 = np.ceil(box[2:] + margin).clip(0, (width, height)).astype(int)
        part = image[y1:y2, x1:x2]
        if not part.size:
            continue
        squares = _squares(part)
        if mask is not None:
            wide = 2 * int(margin / 2) + 1
            inside = cv2.dilate(mask[y1:y2, x1:x2].astype(np.uint8),
                                np.ones((wide, wide), np.uint8)) > 0
            part[inside] = squares[inside]
        else:
            part[:] = squares
    return image


def face_of(person: Any) -> np.ndarray:
    """Where a person's face is, (4,) xyxy."""
    face = getattr(person, 'face_box', None)
    if face is not None and (face[2:] > face[:2]).all():
        return np.asarray(face, float)
    x1, y1, x2, y2 = np.asarray(person.bbox, float)
    keypoints = getattr(person, 'keypoints', None)
    if keypoints is None or len(keypoints) < NUM_HEAD_KEYPOINTS:
        side = min(x2 - x1, (y2 - y1) / 3)
        centre = (x1 + x2) / 2
        return np.array([centre - side / 2, y1, centre + side / 2, y1 + side])
    head = np.asarray(keypoints[:NUM_HEAD_KEYPOINTS], float)
    centre = head.mean(axis=0)
    # Keypoints of a head in profile or from behind lie close together.
    radius = max(1.3 * np.abs(head - centre).max(), 0.06 * (y2 - y1))
    return np.concatenate([centre - radius, centre + radius])


def _squares(part: np.ndarray) -> np.ndarray:
    """Coarse squares, about ``CELLS`` along the shorter side."""
    height, width = part.shape[:2]
    cell = max(1, min(height, width) / CELLS)
    size = (max(1, round(width / cell)), max(1, round(height / cell)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
