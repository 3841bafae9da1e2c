"""How everything that belongs to a person goes where the person goes.

mmdet's transforms move images, boxes and masks. :class:`PersonTransform`
makes one of them take along the rest: it hands in boxes that remember which
rows were kept and how they were moved. A transform that is not made so cannot
part a person from its labels unseen: :func:`check_together` compares the
boxes with those that the last step of ours left behind.
"""
from typing import List, Optional

import numpy as np
import torch
from mmdet.structures.bbox import BaseBoxes, HorizontalBoxes
from mmengine.dataset import Compose

from mmhqnet.errors import InputError
from mmhqnet.registry import TRANSFORMS
from mmhqnet.structures.person_fields import Motion, fields_in

# Beside the columns of the table, what has a row per person.
_ROWS = ('gt_bboxes_labels', 'gt_ignore_flags', 'gt_instances_ids', 'gt_masks',
         'gt_extra_fields')


def person_keys(results: dict) -> List[str]:
    """The keys of a sample that have a row per person, boxes apart."""
    columns = [
        f'gt_{column}' for field in fields_in(results).values()
        for column in field.gt_columns
    ]
    return [
        key for key in dict.fromkeys((*_ROWS, *columns))
        if key != 'gt_bboxes' and results.get(key) is not None
    ]


def join_persons(results: dict) -> None:
    """Say that all rows of a sample belong together now."""
    # A copy: mmdet moves boxes in place.
    results['person_boxes'] = _tensor(results['gt_bboxes']).clone()


def _tensor(boxes) -> torch.Tensor:
    """Boxes (n, 4), also of mmdet's data sets that keep plain arrays."""
    return boxes.tensor if isinstance(boxes,
                                      BaseBoxes) else torch.as_tensor(boxes)


def check_together(results: dict, step: str) -> None:
    """Check that a step has not parted persons from their labels.

    Args:
        results: A sample between two steps.
        step: The step before, for the message.

    Raises: InputError: The boxes were moved or filtered and their labels not.
    """
    boxes = results.get('gt_bboxes')
    if boxes is None:
        return
    joined = results.get('person_boxes')
    apart = [
        key for key in person_keys(results) if len(results[key]) != len(boxes)
    ]
    if joined is None and not apart:
        return  # not loaded by us
    if not apart and torch.equal(_tensor(boxes), joined):
        return
    if f'Human{step}' in TRANSFORMS:
        remedy = f"use 'Human{step}' instead"
    elif step in ('RandomChoiceResize', 'RandomResize'):
        remedy = "give it resize_type='HumanResize'"
    else:
        remedy = ("use mmhqnet's transforms, which are called Human..., or "
                  'derive yours from PersonTransform')
    raise InputError(
        f'{results.get("img_path", "a sample")}: pipeline step {step} moved '
        'or dropped boxes of persons and left their keypoints and other '
        f'labels as they were; {remedy}')


class PersonPipeline(Compose):
    """A pipeline that names the step that parts persons from their labels."""

    def __call__(self, data: dict) -> Optional[dict]:
        """Apply all steps; None if one of them gives up."""
        for transform in self.transforms:
            data = transform(data)
            if data is None:
                return None
            check_together(data, type(transform).__name__)
        return data


class TrackedBoxes(HorizontalBoxes):
    """Boxes that remember where they come from.

    Attributes:
        rows: Which of the boxes at the beginning these are, (n,).
        matrix: Maps pixels at the beginning to those now, (3, 3); None as
            long as nothing moved.
    """
    rows: Optional[np.ndarray] = None
    matrix: Optional[np.ndarray] = None

    @classmethod
    def of(cls, boxes) -> 'TrackedBoxes':
        """Begin to track."""
        tracked = cls(_tensor(boxes), clone=False)
        tracked.rows = np.arange(len(boxes))
        return tracked

    def _like(self, other: 'TrackedBoxes') -> 'TrackedBoxes':
        self.rows, self.matrix = other.rows, other.matrix
        return self

    def __getitem__(self, index) -> 'TrackedBoxes':
        chosen = super().__getitem__(index)._like(self)
        chosen.rows = np.atleast_1d(torch.as_tensor(self.rows)[index].numpy())
        return chosen

    def convert_to(self, dst_type) -> HorizontalBoxes:
        # mmdet knows registered classes only.
        return HorizontalBoxes(self.tensor, clone=False).convert_to(dst_type)

    def clone(self) -> 'TrackedBoxes':
        return super().clone()._like(self)

    def _record(self, matrix) -> None:
        before = np.eye(3) if self.matrix is None else self.matrix
        self.matrix = np.asarray(matrix, float) @ before

    def translate_(self, distances) -> None:
        super().translate_(distances)
        x, y = distances
        self._record([[1, 0, x], [0, 1, y], [0, 0, 1]])

    def rescale_(self, scale_factor) -> None:
        super().rescale_(scale_factor)
        x, y = scale_factor
        self._record([[x, 0, 0], [0, y, 0], [0, 0, 1]])

    def project_(self, homography_matrix) -> None:
        super().project_(homography_matrix)
        self._record(homography_matrix)

    def flip_(self, img_shape, direction: str = 'horizontal') -> None:
        super().flip_(img_shape, direction)
        height, width = img_shape
        matrix = np.eye(3)
        if direction != 'vertical':
            matrix[0] = -1, 0, width
        if direction != 'horizontal':
            matrix[1] = 0, -1, height
        self._record(matrix)


class PersonTransform:
    """Put before a transform of mmdet to take all labels of persons along.

    Rows of persons that it drops are dropped everywhere, and what has a place
    in the image moves as the boxes do, each in its own way
    (:meth:`PersonField.move`). Without persons in the sample nothing differs.
    """

    #: Whether what lies outside of the new image is gone; otherwise it moves
    #: to the border.
    cuts = False

    def transform(self, results: dict) -> Optional[dict]:
        """Transform a sample; None if nothing is left of it."""
        if results.get('gt_bboxes') is None:
            return super().transform(results)
        check_together(results, f'before {type(self).__name__}')
        boxes = TrackedBoxes.of(results['gt_bboxes'])
        old_areas = boxes.areas.numpy()
        results['gt_bboxes'] = boxes
        results = super().transform(results)
        if results is None:
            return None
        boxes = results['gt_bboxes']
        if not isinstance(boxes, TrackedBoxes):
            raise InputError(f'pipeline step {type(self).__name__} replaces '
                             'the boxes of the persons instead of moving and '
                             'indexing them; their labels cannot follow')
        results['gt_bboxes'] = HorizontalBoxes(boxes.tensor, clone=False)
        for key in person_keys(results):
            # What mmdet knows of has lost its rows already.
            if len(results[key]) != len(boxes):
                results[key] = results[key][boxes.rows]
        if boxes.matrix is not None:
            self.move(results, boxes.matrix, old_areas[boxes.rows])
        join_persons(results)
        return results

    def move(self, results: dict, matrix: np.ndarray,
             old_areas: np.ndarray) -> None:
        """Move all labels of the persons that are left.

        Args:
            results: The sample, its image and boxes moved already.
            matrix: Maps old pixels to new ones, (3, 3).
            old_areas: Of their boxes, (n,).
        """
        height, width = results['img'].shape[:2]
        new_areas = results['gt_bboxes'].areas.numpy()
        growth = new_areas / np.maximum(old_areas, np.finfo(np.float32).tiny)
        motion = Motion(matrix, (width, height), self.cuts, growth)
        for field in fields_in(results).values():
            keys = [f'gt_{column}' for column in field.gt_columns]
            if not field.is_mmdets and all(key in results for key in keys):
                columns = {
                    column: results[key]
                    for column, key in zip(field.gt_columns, keys)
                }
                for column, values in field.move(columns, motion).items():
                    results[f'gt_{column}'] = values
