"""What there is to draw of one person, read from an ``InstanceData``."""
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional

import numpy as np
import torch
from mmdet.structures.bbox import BaseBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData

from mmhqnet.structures.person_fields import FIELDS, PersonField

NOT_LABELLED, HIDDEN, VISIBLE = 0, 1, 2  # COCO's keypoint flags
VISIBLE_THR = 0.5  # predicted to be seen rather than hidden


@dataclass
class Person:
    """One person in image pixels.

    Args:
        box: (4,) x1, y1, x2, y2.
        mask: (H, W) bool.
        keypoints: (K, 2) x, y; K = 0 without the pose task.
        visibility: (K,) ``NOT_LABELLED`` (not drawn), ``HIDDEN`` or
            ``VISIBLE``.
        label: Track id, attributes and score, e.g. "#3 F 27 0.93".
        color_index: Track id if there is one, else the position in the list;
            persons keep their color along a track.
        boxes: Further boxes (4,) at the person that can be seen, by field.
        points: Further points (k, 2) that can be seen, by field.
        trail: Where the person was, (t, 2), oldest first.
    """
    box: np.ndarray
    mask: Optional[np.ndarray]
    keypoints: np.ndarray
    visibility: np.ndarray
    label: str
    color_index: int
    boxes: Dict[str, np.ndarray] = field(default_factory=dict)
    points: Dict[str, np.ndarray] = field(default_factory=dict)
    trail: Optional[np.ndarray] = None

    @property
    def side(self) -> float:
        """Side of a square as large as the box, pixels."""
        return np.sqrt(np.prod(np.maximum(self.box[2:] - self.box[:2], 0)))

    def drawn_keypoints(self, width: float, height: float) -> np.ndarray:
        """Which keypoints are labelled and inside the image: (K,) bool."""
        inside = (self.keypoints >= 0) & (self.keypoints <= (width, height))
        return (self.visibility > NOT_LABELLED) & inside.all(axis=1)


def people_of(instances: InstanceData,
              kpt_score_thr: float,
              fields: Mapping[str, PersonField] = FIELDS) -> List[Person]:
    """Split n predictions or ground truths into persons, in their order.

    Args:
        instances: ``bboxes`` (n, 4) and whichever columns of the table of
            person fields, ``scores``, ``instances_id`` and ``trails`` there
            are.
        kpt_score_thr: Predicted points and boxes that score less are left
            out; of the rest those are hidden that are rather not visible.
        fields: The table.
    """
    boxes = _boxes(instances)
    masks = _masks(instances)
    keypoints, visibility = _points(instances, fields['pose'], kpt_score_thr)
    ids = _array(instances, 'instances_id')
    labels = _labels(instances, fields)
    trails = instances.get('trails', [None] * len(boxes))
    people = [
        Person(
            box=boxes[i],
            mask=masks[i],
            keypoints=keypoints[i],
            visibility=visibility[i],
            label=labels[i],
            color_index=i if ids is None else int(ids[i]),
            trail=trails[i]) for i in range(len(boxes))
    ]
    for row in fields.values():
        if row.kind == 'points' and row.name != 'pose':
            points, seen = _points(instances, row, kpt_score_thr)
            for person, xy, flags in zip(people, points, seen):
                person.points[row.name] = xy[flags > NOT_LABELLED]
        elif row.kind == 'box' and row.column in instances:
            seen = _seen(instances, row, kpt_score_thr)
            for i in np.flatnonzero(seen):
                people[i].boxes[row.name] = _array(instances, row.column)[i]
    return people


def _array(instances: InstanceData, name: str) -> Optional[np.ndarray]:
    """A column as a numpy array, None when the sample lacks it."""
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


def _seen(instances: InstanceData, row: PersonField,
          score_thr: float) -> np.ndarray:
    """COCO's flags of points, and whether boxes are there."""
    flags = _array(instances, row.labelled_column)
    scores = _array(instances, row.score_column)
    if flags is None:
        shape = len(instances) if scores is None else scores.shape
        flags = np.full(shape, VISIBLE)
    elif row.kind == 'points' and scores is not None:  # probabilities
        flags = np.where(flags < VISIBLE_THR, HIDDEN, VISIBLE)
    if scores is not None:
        flags = np.where(scores < score_thr, NOT_LABELLED, flags)
    return flags


def _points(instances: InstanceData, row: PersonField, score_thr: float):
    """Points (n, K, 2) of a field, and their flags (n, K)."""
    points = _array(instances, row.column)
    n = len(instances)
    if points is None:
        return np.zeros((n, 0, 2)), np.zeros((n, 0), dtype=int)
    flags = _seen(instances, row, score_thr)
    if flags.ndim == 1:  # without flags and scores
        flags = np.full(points.shape[:2], VISIBLE)
    flags = flags.reshape(points.shape[:2]).round().astype(int)
    return points[..., :2], flags


def _labels(instances: InstanceData,
            fields: Mapping[str, PersonField]) -> List[str]:
    """Texts such as "F 27 0.93"; a task that is off leaves no trace."""
    columns = []
    ids = _array(instances, 'instances_id')
    if ids is not None:
        columns.append([f'#{int(i)}' for i in ids])
    for row in fields.values():
        if row.kind in ('category', 'number') and row.column in instances:
            columns.append([*map(row.words, _array(instances, row.column))])
    scores = _array(instances, 'scores')
    if scores is not None:
        columns.append([f'{score:.2f}' for score in scores])
    if not columns:
        return [''] * len(instances)
    return [' '.join(words) for words in zip(*columns)]
