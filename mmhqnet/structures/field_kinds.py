"""Person fields that have a place in the image: read, moved, judged."""
from dataclasses import asdict, dataclass
from typing import (Any, ClassVar, Dict, List, NamedTuple, Optional, Sequence,
                    Tuple)

import numpy as np

from mmhqnet.errors import InputError

from .label_rules import (area_rule, box_rule, is_flagged_valid,
                          mask_result_rule, points_rule, segmentation_rule)

Columns = Dict[str, np.ndarray]


class Motion(NamedTuple):
    """What a transform did to an image and the n persons that it kept."""
    matrix: np.ndarray  # (3, 3) float64, maps old pixels to new ones
    size: Tuple[int, int]  # width and height of the new image
    cuts: bool  # what lies outside is gone; otherwise it moves to the border
    growth: np.ndarray  # (n,) area of each person's box, new by old

    def points(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., 2) are now, float64."""
        moved = points.astype(float) @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved[..., :2] / moved[..., 2:]

    @property
    def scale(self) -> float:
        """How many new pixels there are for an old one; < 0 if mirrored."""
        (a, b, _), (c, d, _), _ = self.matrix.tolist()
        return a * d - b * c


@dataclass(frozen=True)
class PersonField:
    """A row. What is not given is called as the row itself.

    Args:
        name: Of the row and of its metric.
        key: In an annotation of the file.
        flag: In the annotation's ``valid``.
        column: In ``gt_instances`` and ``pred_instances``; ``gt_<column>`` in
            a pipeline.
    """
    name: str
    key: str = ''
    flag: str = ''
    column: str = ''

    #: ``type`` in a config.
    kind: ClassVar[str] = ''
    #: Whether mmdet loads and moves it, as the boxes and the masks.
    is_mmdets: ClassVar[bool] = False
    is_evaluated: ClassVar[bool] = True
    #: COCO's name of the evaluation, None if right or wrong is all there is.
    iou_type: ClassVar[Optional[str]] = None
    #: Columns beside the first: which labels are there, and how sure the
    #: model is.
    labelled_column: ClassVar[str] = ''
    score_column: ClassVar[str] = ''

    def __post_init__(self) -> None:
        for option in ('key', 'flag', 'column'):
            self._default(option, self.name)

    def _default(self, option: str, value) -> None:
        if not getattr(self, option):
            object.__setattr__(self, option, value)

    @property
    def gt_columns(self) -> Tuple[str, ...]:
        """Columns of ``gt_instances``."""
        return tuple(filter(None, (self.column, self.labelled_column)))

    @property
    def pred_columns(self) -> Tuple[str, ...]:
        """Columns of ``pred_instances``."""
        return tuple(filter(None, (self.column, self.score_column)))

    @property
    def result_kind(self) -> str:
        """``PREFIX.<kind>.json`` is the file of its results."""
        return 'attributes' if self.iou_type is None else self.name

    @property
    def result_key(self) -> str:
        """Its key in a COCO result."""
        return dict(
            bbox='bbox', segm='segmentation',
            keypoints='keypoints').get(self.iou_type, self.key)

    @property
    def has_own_rank(self) -> bool:
        """Whether its results rank by ``score_column``, not by the person's
        score."""
        return self.kind in ('mask', 'box')

    def is_given(self, annotation: dict) -> bool:
        """Whether an annotation has a value and does not call it invalid."""
        return (annotation.get(self.key) is not None
                and is_flagged_valid(annotation, self.flag))

    def is_labelled(self, annotation: dict) -> bool:
        """Whether the value of a proper annotation says something."""
        return self.is_given(annotation)

    def rule(self,
             value,
             image: Optional[dict] = None,
             strict: bool = False) -> Optional[str]:
        """What a label must be, None if it is that."""

    def read(self, annotation: dict) -> Any:
        """The label of a proper annotation as ``instances`` hold it."""
        raise NotImplementedError

    def unread(self, label) -> Any:
        """A label of ``instances`` as a file holds it."""
        return label

    def judge(self, annotation: dict) -> Any:
        """The label of a proper annotation as the evaluation takes it; None
        where unknown."""
        return annotation[self.key] if self.is_labelled(annotation) else None

    def load(self, labels: Sequence) -> Columns:
        """Labels of n persons as columns; None is unknown too."""
        raise NotImplementedError

    def move(self, columns: Columns, motion: Motion) -> Columns:
        """Columns that change with the pixels; others stay as they are."""
        return {}

    def result_rule(self, value) -> Optional[str]:
        """What a predicted value in a result file must be."""
        return self.rule(value)

    def printed(self, value) -> Any:
        """A predicted value for JSON: a name, a number, a list."""
        return np.asarray(value).tolist()

    def words(self, value) -> Optional[str]:
        """What a picture's label says about a value; None for nothing."""

    def to_dict(self) -> dict:
        """The row as a config writes it."""
        return dict(type=self.kind, **asdict(self))


@dataclass(frozen=True)
class PersonBox(PersonField):
    """The person itself."""
    is_mmdets: ClassVar[bool] = True
    iou_type: ClassVar[str] = 'bbox'
    kind: ClassVar[str] = 'person'
    score_column: ClassVar[str] = 'scores'

    @property
    def result_kind(self) -> str:
        return 'bbox'

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        return box_rule(value)


@dataclass(frozen=True)
class MaskField(PersonField):
    """The person's mask."""
    is_mmdets: ClassVar[bool] = True
    kind: ClassVar[str] = 'mask'
    iou_type: ClassVar[str] = 'segm'
    labelled_column: ClassVar[str] = 'mask_valid'
    score_column: ClassVar[str] = 'mask_scores'

    @property
    def result_kind(self) -> str:
        return 'segm'

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        return segmentation_rule(value, image, strict)

    def result_rule(self, value) -> Optional[str]:
        return mask_result_rule(value)

    def judge(self, annotation: dict) -> Any:
        return super().judge(annotation) or None  # no polygon is no mask


@dataclass(frozen=True)
class AreaField(PersonField):
    """COCO's area in square pixels: shrinks with the person."""
    is_evaluated: ClassVar[bool] = False
    kind: ClassVar[str] = 'area'

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        return area_rule(value)

    def read(self, annotation: dict) -> float:
        return float(annotation[self.key])

    def load(self, labels: Sequence) -> Columns:
        return {self.column: np.array(labels, np.float32)}

    def move(self, columns: Columns, motion: Motion) -> Columns:
        areas = columns[self.column] * np.float32(abs(motion.scale))
        if motion.cuts:
            areas = np.maximum(columns[self.column] * motion.growth, 1)
        return {self.column: areas.astype(np.float32)}


@dataclass(frozen=True)
class PointsField(PersonField):
    """K points: (n, K, 2) pixels, with (n, K) visibilities as COCO's.

    Visibility 0 is not labelled, and such a point is (0, 0). A file holds K
    times x, y, visibility. Evaluated by OKS. A prediction may hold the
    probability that each is visible, in the same column.

    Args:
        flip_indices: Index of each point's mirror image; each is its own if
            not given.
        sigmas: OKS constants; COCO's if not given.
    """
    num_points: int = 0
    flip_indices: Tuple[int, ...] = ()
    sigmas: Tuple[float, ...] = ()
    labelled_column: str = ''
    score_column: str = ''
    kind: ClassVar[str] = 'points'
    iou_type: ClassVar[str] = 'keypoints'

    def __post_init__(self) -> None:
        super().__post_init__()
        self._default('labelled_column', f'{self.column}_visible')
        self._default('score_column', f'{self.column}_scores')
        self._default('flip_indices', tuple(range(self.num_points)))
        if self.num_points != 17:
            self._default('sigmas', (.1, ) * self.num_points)
        if self.num_points < 1 or sorted(self.flip_indices) != list(
                range(self.num_points)) or len(
                    self.sigmas) not in (0, self.num_points):
            raise InputError(
                f'person_fields.{self.name}: num_points is {self.num_points}, '
                f'flip_indices are {self.flip_indices}, sigmas '
                f'{self.sigmas}; give one of each for every point')

    @property
    def result_kind(self) -> str:
        return 'keypoints' if self.name == 'pose' else self.name

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        return points_rule(value, self.num_points)

    def read(self, annotation: dict) -> np.ndarray:
        points = np.zeros((self.num_points, 3), np.float32)
        if self.is_labelled(annotation):
            points[:] = np.reshape(annotation[self.key], (-1, 3))
            points[points[:, 2] <= 0] = 0
        return points

    def unread(self, label: np.ndarray) -> List[float]:
        return np.ravel(label).tolist()

    def judge(self, annotation: dict) -> List[float]:
        return super().judge(annotation) or [0] * (3 * self.num_points)

    def load(self, labels: Sequence) -> Columns:
        nowhere = np.zeros((self.num_points, 3))
        points = np.array(
            [nowhere if label is None else label for label in labels],
            np.float32).reshape(-1, self.num_points, 3)
        return {
            self.column: points[..., :2].copy(),
            self.labelled_column: points[..., 2].copy()
        }

    def move(self, columns: Columns, motion: Motion) -> Columns:
        points = motion.points(columns[self.column]).astype(np.float32)
        visible = columns[self.labelled_column].copy()
        if motion.scale < 0:  # a mirrored left hand is a right hand
            indices = list(self.flip_indices)
            points, visible = points[:, indices], visible[:, indices]
        if motion.cuts:
            visible[((points < 0) | (points > motion.size)).any(-1)] = 0
        points = points.clip(0, motion.size).astype(np.float32)
        points[visible == 0] = 0
        return {self.column: points, self.labelled_column: visible}


@dataclass(frozen=True)
class BoxField(PersonField):
    """A box of something at the person: (n, 4) xyxy, with (n,) bool valid.

    A file holds x, y, width, height; boxes without an area are not valid.
    """
    labelled_column: str = ''
    score_column: str = ''
    kind: ClassVar[str] = 'box'
    iou_type: ClassVar[str] = 'bbox'

    def __post_init__(self) -> None:
        super().__post_init__()
        self._default('labelled_column', f'{self.column}_valid')
        self._default('score_column', f'{self.column}_scores')

    def is_labelled(self, annotation: dict) -> bool:
        return self.is_given(annotation) and min(annotation[self.key][2:]) > 0

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        return box_rule(value)

    def read(self, annotation: dict) -> Optional[List[float]]:
        if self.is_labelled(annotation):
            x, y, width, height = annotation[self.key]
            return [x, y, x + width, y + height]

    def unread(self, label: Optional[List[float]]) -> Optional[List[float]]:
        if label is not None:
            x1, y1, x2, y2 = label
            return [x1, y1, x2 - x1, y2 - y1]

    def load(self, labels: Sequence) -> Columns:
        nowhere = np.zeros(4)
        boxes = [nowhere if label is None else label for label in labels]
        return {
            self.column:
            np.array(boxes, np.float32).reshape(-1, 4),
            self.labelled_column:
            np.array([label is not None for label in labels], bool)
        }

    def move(self, columns: Columns, motion: Motion) -> Columns:
        x1, y1, x2, y2 = columns[self.column].T
        corners = np.array([(x1, y1), (x2, y1), (x1, y2), (x2, y2)])
        corners = motion.points(corners.transpose(2, 0, 1))  # (n, 4, 2)
        corners = corners.clip(0, motion.size)
        boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
        valid = columns[self.labelled_column] & (boxes[:, 2:]
                                                 > boxes[:, :2]).all(1)
        boxes[~valid] = 0
        return {
            self.column: boxes.astype(np.float32),
            self.labelled_column: valid
        }
