"""CLEAR MOT and identity metrics of multi-object tracking.

The counts follow py-motmetrics (Bernardin and Stiefelhagen 2008; Ristani et
al. 2016), on which PoseTrack21's evaluation kit is built; the kit's ignore
regions are a switch.
"""
from dataclasses import astuple, dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import shapely
from pycocotools import mask as mask_utils
from scipy.optimize import linear_sum_assignment

from mmhqnet.datasets.annotations.mot_files import Frame
from mmhqnet.errors import InputError


@dataclass(frozen=True)
class MOTCounts:
    """What tracking metrics are made of; counts of sequences add up.

    Args:
        num_gt: Ground-truth boxes.
        tp: Ground-truth boxes matched by a prediction in their frame.
        fp: Predictions without a match that are not ignored.
        idsw: Matches to another track than the person's last match.
        idtp: Boxes on which the one best track of a person agrees.
    """
    num_gt: int = 0
    tp: int = 0
    fp: int = 0
    idsw: int = 0
    idtp: int = 0

    def __add__(self, other: 'MOTCounts') -> 'MOTCounts':
        return MOTCounts(*map(sum, zip(astuple(self), astuple(other))))

    @property
    def mota(self) -> float:
        """1 - (FN + FP + IDSW) / GT; nan without any ground truth."""
        errors = self.num_gt - self.tp + self.fp + self.idsw
        return 1 - errors / self.num_gt if self.num_gt else float('nan')

    @property
    def idf1(self) -> float:
        """2 IDTP / (GT + predictions); nan without any box at all."""
        num_boxes = self.num_gt + self.tp + self.fp
        return 2 * self.idtp / num_boxes if num_boxes else float('nan')

    def summary(self) -> Dict[str, float]:
        """IDF1 and MOTA as fractions, then the counts behind them."""
        return dict(
            IDF1=self.idf1,
            MOTA=self.mota,
            GT=self.num_gt,
            TP=self.tp,
            FP=self.fp,
            FN=self.num_gt - self.tp,
            IDSW=self.idsw,
            IDTP=self.idtp,
            IDFP=self.tp + self.fp - self.idtp,
            IDFN=self.num_gt - self.idtp)


def count_sequence(gts: Sequence[Frame],
                   preds: Sequence[Frame],
                   ignorable: Optional[Sequence[np.ndarray]] = None,
                   iou_thr: float = 0.5) -> MOTCounts:
    """Compare the tracks of one sequence with its ground truth.

    In each frame a person first keeps the track that it was matched with
    last, however long ago, if the two still overlap. The others are matched
    one to one: as many pairs as possible, then the largest total IoU.

    Args:
        gts: For each frame the integer person ids (n,) and boxes (n, 4),
            (x, y, w, h) in pixels.
        preds: For each frame the integer track ids (m,) and boxes (m, 4).
        ignorable: For each frame (m,) bool, predictions that are no false
            positive when unmatched. They still take part in the identity
            matching, as in PoseTrack21's kit.
        iou_thr: Lowest IoU of a pair.

    Raises: InputError: An id occurs twice in a frame.
    """
    num_persons, gts = _index_ids(gts, 'person')
    num_tracks, preds = _index_ids(preds, 'track')
    if ignorable is None:
        ignorable = [np.zeros(len(ids), bool) for ids, _ in preds]

    last_track = np.full(num_persons, -1)
    common_boxes = np.zeros((num_persons, num_tracks), int)
    counts = MOTCounts()
    frames = zip(gts, preds, ignorable)
    for (persons, gt_boxes), (tracks, boxes), may_ignore in frames:
        ious = box_iou(gt_boxes, boxes)
        overlap = ious >= iou_thr
        common_boxes[np.ix_(persons, tracks)] += overlap

        matched = overlap & (last_track[persons, None] == tracks)
        # Two persons may remember the same track: the first one keeps it.
        matched &= matched.cumsum(axis=0) == 1
        free = overlap & ~matched.any(1, keepdims=True) & ~matched.any(0)
        rows, cols = _assign(ious, free)
        matched[rows, cols] = True

        previous = last_track[persons[rows]]
        switched = (previous >= 0) & (previous != tracks[cols])
        last_track[persons[rows]] = tracks[cols]
        counts += MOTCounts(
            num_gt=len(persons),
            tp=int(matched.sum()),
            fp=int((~matched.any(0) & ~may_ignore).sum()),
            idsw=int(switched.sum()))

    best = linear_sum_assignment(common_boxes, maximize=True)
    return counts + MOTCounts(idtp=int(common_boxes[best].sum()))


def box_iou(gt_boxes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """IoU of boxes (n, 4) with boxes (m, 4), both (x, y, w, h): (n, m)."""
    if len(gt_boxes) == 0 or len(boxes) == 0:
        return np.zeros((len(gt_boxes), len(boxes)))
    return mask_utils.iou(
        np.asarray(gt_boxes, float), np.asarray(boxes, float),
        [0] * len(boxes))


def in_ignore_regions(boxes: np.ndarray,
                      regions: Sequence[np.ndarray],
                      iou_thr: float = 0.1) -> np.ndarray:
    """Find the boxes that PoseTrack21's kit may ignore.

    The kit compares a box with a region by IoU, not by the part of the box
    that is covered: a small box inside a large region is *not* ignored.

    Boxes (m, 4) are (x, y, w, h) in pixels, regions polygons (k, 2); the IoU
    must exceed ``iou_thr``. Returns (m,) bool.
    """
    x, y, w, h = np.asarray(boxes, float).reshape(-1, 4).T
    rectangles = shapely.box(x, y, x + w, y + h)
    found = np.zeros(len(rectangles), bool)
    for region in regions:
        polygon = shapely.Polygon(region)
        # A region that crosses itself falls apart; the kit sums the parts'
        # intersections and their unions with the box.
        parts = shapely.get_parts(
            polygon if polygon.is_valid else polygon.buffer(0))[:, None]
        intersection = shapely.intersection(parts, rectangles)
        union = shapely.union(parts, rectangles)
        found |= (
            shapely.area(intersection).sum(0)
            > iou_thr * shapely.area(union).sum(0))
    return found


def _index_ids(frames: Sequence[Frame], name: str) -> Tuple[int, List[Frame]]:
    """Replace ids by 0..n-1 over the sequence; refuse doubles in a frame."""
    for index, (ids, _) in enumerate(frames):
        values, occurrences = np.unique(ids, return_counts=True)
        if (occurrences > 1).any():
            raise InputError(
                f'frame {index + 1}: {name} id '
                f'{values[occurrences > 1][0]} occurs more than once; '
                'ids must be unique in a frame')
    lengths = [len(ids) for ids, _ in frames]
    all_ids = np.concatenate([np.asarray(ids, int) for ids, _ in frames]
                             or [np.zeros(0, int)])
    unique_ids, indices = np.unique(all_ids, return_inverse=True)
    splits = np.split(indices, np.cumsum(lengths)[:-1])
    return len(unique_ids), [(split, boxes)
                             for split, (_, boxes) in zip(splits, frames)]


def _assign(ious: np.ndarray,
            allowed: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Most pairs among the allowed ones, then the largest total IoU."""
    # One forbidden pair costs more than all the allowed ones together.
    forbidden = 1 + min(ious.shape)
    rows, cols = linear_sum_assignment(np.where(allowed, 1 - ious, forbidden))
    chosen = allowed[rows, cols]
    return rows[chosen], cols[chosen]
