"""What there is to draw of one person, read from an ``InstanceData``."""
from dataclasses import dataclass
from typing import List, Optional

import numpy as np
import torch
from mmdet.structures.bbox import BaseBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData

NOT_LABELLED, HIDDEN, VISIBLE = 0, 1, 2  # COCO's keypoint flags
GENDER_LETTERS = {0: 'M', 1: 'F'}


@dataclass
class Person:
    """One person in image pixels.

    Args:
        box (np.ndarray): (4,) x1, y1, x2, y2.
        mask (np.ndarray, optional): (H, W) bool.
        keypoints (np.ndarray): (K, 2) x, y; K = 0 without the pose task.
        visibility (np.ndarray): (K,) ``NOT_LABELLED`` (not drawn),
            ``HIDDEN`` or ``VISIBLE``.
        label (str): Track id, gender, age and score, e.g. "#3 F 27 0.93".
        color_index (int): Track id if there is one, else the position in
            the list; persons keep their color along a track.
    """
    box: np.ndarray
    mask: Optional[np.ndarray]
    keypoints: np.ndarray
    visibility: np.ndarray
    label: str
    color_index: int

    @property
    def side(self) -> float:
        """Side of a square as large as the box, pixels."""
        return np.sqrt(np.prod(np.maximum(self.box[2:] - self.box[:2], 0)))

    def drawn_keypoints(self, width: float, height: float) -> np.ndarray:
        """Which keypoints are labelled and inside the image: (K,) bool."""
        inside = (self.keypoints >= 0) & (self.keypoints <= (width, height))
        return (self.visibility > NOT_LABELLED) & inside.all(axis=1)


def people_of(instances: InstanceData, kpt_score_thr: float) -> List[Person]:
    """Split predictions or ground truth into persons.

    Args:
        instances (InstanceData): n persons; ``bboxes`` (n, 4), and whichever
            of ``masks``, ``mask_valid``, ``keypoints``, ``keypoint_scores``,
            ``keypoints_visible``, ``genders``, ``ages``, ``scores`` and
            ``instances_id`` there are.
        kpt_score_thr (float): Predicted keypoints that score less are left
            out.

    Returns:
        list[Person]: One per instance, in the same order.
    """
    boxes = _boxes(instances)
    masks = _masks(instances)
    keypoints, visibility = _poses(instances, kpt_score_thr)
    ids = _array(instances, 'instances_id')
    labels = _labels(instances)
    return [
        Person(
            box=boxes[i],
            mask=masks[i],
            keypoints=keypoints[i],
            visibility=visibility[i],
            label=labels[i],
            color_index=i if ids is None else int(ids[i]))
        for i in range(len(boxes))
    ]


def _array(instances: InstanceData, name: str) -> Optional[np.ndarray]:
    """A field as a numpy array, None when the sample lacks it."""
    value = instances.get(name)
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    return None if value is None else np.asarray(value)


def _boxes(instances: InstanceData) -> np.ndarray:
    boxes = instances.bboxes
    if isinstance(boxes, BaseBoxes):
        boxes = boxes.convert_to('hbox').tensor
    return torch.as_tensor(boxes).detach().cpu().numpy().reshape(-1, 4)


def _masks(instances: InstanceData) -> List[Optional[np.ndarray]]:
    masks = instances.get('masks')
    if masks is None:
        return [None] * len(instances)
    if isinstance(masks, (BitmapMasks, PolygonMasks)):
        masks = masks.to_ndarray()
    masks = torch.as_tensor(masks).detach().cpu().numpy().astype(bool)
    valid = _array(instances, 'mask_valid')
    if valid is None:
        valid = np.ones(len(masks), dtype=bool)
    return [mask if ok else None for mask, ok in zip(masks, valid)]


def _poses(instances: InstanceData, kpt_score_thr: float):
    keypoints = _array(instances, 'keypoints')
    if keypoints is None:
        n = len(instances)
        return np.zeros((n, 0, 2)), np.zeros((n, 0), dtype=int)
    shape = keypoints.shape[:2]
    visibility = _array(instances, 'keypoints_visible')
    if visibility is None:
        visibility = np.full(shape, VISIBLE)
    visibility = visibility.reshape(shape).round().astype(int)
    scores = _array(instances, 'keypoint_scores')
    if scores is not None:
        visibility = np.where(scores < kpt_score_thr, NOT_LABELLED, visibility)
    return keypoints[..., :2], visibility


def _labels(instances: InstanceData) -> List[str]:
    """Texts such as "F 27 0.93"; a task that is off leaves no trace."""
    columns = []
    ids = _array(instances, 'instances_id')
    if ids is not None:
        columns.append([f'#{int(i)}' for i in ids])
    genders = _array(instances, 'genders')
    if genders is not None:
        columns.append([GENDER_LETTERS.get(int(g), '?') for g in genders])
    ages = _array(instances, 'ages')
    if ages is not None:
        columns.append(
            [f'{int(age + 0.5)}' if age >= 0 else '?' for age in ages])
    scores = _array(instances, 'scores')
    if scores is not None:
        columns.append([f'{score:.2f}' for score in scores])
    if not columns:
        return [''] * len(instances)
    return [' '.join(words) for words in zip(*columns)]
