"""COCO's greedy matching and average precision, vectorised over images.

COCO matches detections one by one in the order of their scores. Only
detections that overlap some person at all can match, and detections of
different images never compete, so one NumPy step here treats the n-th such
detection of *every* image, for all area ranges and IoU thresholds at once.
The numbers equal the loops of pycocotools bit for bit.
"""
from typing import NamedTuple

import numpy as np

IOU_THRESHOLDS = np.linspace(.5, .95, 10)
RECALL_THRESHOLDS = np.linspace(0, 1, 101)
AREA_RANGES = {
    'all': (0, 1e5**2),
    'small': (0, 32**2),
    'medium': (32**2, 96**2),
    'large': (96**2, 1e5**2),
    'no_small': (32**2, 1e5**2),
}


class CandidatePairs(NamedTuple):
    """Detections and ground truths that overlap enough to match (p pairs).

    Sorted by detection, and within one detection by ground truth.
    """
    det: np.ndarray  # (p,) int, index of the detection
    gt: np.ndarray  # (p,) int, index of the ground truth
    iou: np.ndarray  # (p,) float
    correct: np.ndarray  # (p,) bool, False: the pair can not become a match


class Matching(NamedTuple):
    """What became of each of d detections; ``a`` ranges, ``t`` thresholds."""
    matched: np.ndarray  # (a, t, d) bool, is a true positive or ignored
    ignored: np.ndarray  # (a, t, d) bool, counts neither way


def rank_within(groups: np.ndarray) -> np.ndarray:
    """Position 0, 1, 2, ... of each sorted value in its run of equals."""
    if not len(groups):
        return np.zeros(0, int)
    first = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    lengths = np.diff(np.r_[first, len(groups)])
    return np.arange(len(groups)) - np.repeat(first, lengths)


def match_detections(pairs: CandidatePairs,
                     det_image: np.ndarray,
                     det_outside: np.ndarray,
                     gt_ignored: np.ndarray,
                     gt_crowd: np.ndarray,
                     iou_thrs: np.ndarray = IOU_THRESHOLDS) -> Matching:
    """Match detections to ground truths greedily, as COCO does.

    A detection takes the free ground truth of the highest IoU (the later one
    of equals), and an ignored one only if no other is within reach. If that
    pair is not ``correct``, the detection stays unmatched and the ground
    truth stays free; no second best is looked for. A crowd is always free.

    Args:
        pairs: All pairs with an IoU of at least the lowest threshold.
        det_image: Image index of each detection, (d,), sorted; within an
            image detections are sorted by falling score.
        det_outside: Whether the area of a detection is outside a range,
            (a, d). Unmatched ones are ignored.
        gt_ignored: Ignored ground truths, (a, g).
        gt_crowd: Crowds, (g,).
        iou_thrs: IoU thresholds, (t,).
    """
    num_ranges, num_dets = det_outside.shape
    shape = (num_ranges, len(iou_thrs), num_dets)
    matched, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    taken = np.zeros((*shape[:2], len(gt_crowd)), bool)
    thrs = np.minimum(iou_thrs, 1 - 1e-10)[:, None, None]  # (t, 1, 1)

    # Detections that can match at all, and where their pairs are; turns: the
    # how manieth of its image each of them is.
    candidates, first, num_pairs = np.unique(
        pairs.det, return_index=True, return_counts=True)
    turns = rank_within(det_image[candidates])
    ranges = np.arange(num_ranges)[:, None, None]
    levels = np.arange(len(iou_thrs))[:, None]
    for turn in range(turns.max(initial=-1) + 1):
        now = turns == turn
        dets = candidates[now]  # (n, ), at most one per image
        # Their up to p pairs: columns (n, p) are indices into the pairs.
        # Last pair first, so that argmax prefers the later one of equals.
        last = (first + num_pairs - 1)[now, None]
        columns = last - np.arange(num_pairs[now].max())
        exists = columns >= first[now, None]
        columns = np.where(exists, columns, last)
        gts = pairs.gt[columns]  # (n, p)
        ious = np.where(exists, pairs.iou[columns], -1)

        ignorable = gt_ignored[:, None, gts]  # (a, 1, n, p)
        # Who may be taken, (a, t, n, p); ignored persons only without others.
        within_reach = (ious >= thrs) & (~taken[:, :, gts] | gt_crowd[gts])
        regular = within_reach & ~ignorable
        eligible = np.where(
            regular.any(-1, keepdims=True), regular, within_reach)
        best = np.where(eligible, ious, -1).argmax(-1)  # (a, t, n)
        rows = np.arange(len(dets))
        found = eligible[ranges, levels, rows, best]
        best_gts = gts[rows, best]
        match = found & pairs.correct[columns][rows, best]

        # Write the turn down, (a, t, n) each.
        matched[:, :, dets] = match
        ignored[:, :, dets] = found & gt_ignored[ranges, best_gts]
        taken[ranges, levels, best_gts] |= match
    ignored |= ~matched & det_outside[:, None]
    return Matching(matched, ignored)


def average_precision(matching: Matching,
                      scores: np.ndarray,
                      num_gts: np.ndarray,
                      keep: np.ndarray = None) -> tuple:
    """Interpolated precision and final recall from matched detections.

    Only true positives are looked at: between two of them recall does not
    move and precision only falls, so nothing else can be on the envelope.

    Args:
        scores: Scores of the detections, (d,).
        num_gts: Not ignored ground truths in each area range, (a,).
        keep: Detections to count, (d,) bool. Defaults to all.

    Returns:
        Precision at 101 recall values, (a, t, 101), and recall, (a, t). -1
        where a range has no ground truth.
    """
    num_ranges, num_thrs, _ = matching.matched.shape
    precision = -np.ones((num_ranges, num_thrs, len(RECALL_THRESHOLDS)))
    recall = -np.ones((num_ranges, num_thrs))
    order = np.argsort(-scores, kind='mergesort')
    if keep is not None:
        order = order[keep[order]]
    # Place of each detection in the ranking, those not kept behind all.
    place = np.full(len(scores), len(order))
    place[order] = np.arange(len(order))
    for a in np.flatnonzero(num_gts):
        lenient = matching.ignored[a, 0]
        num_counted = np.cumsum(~lenient[order])
        for t in range(num_thrs):
            ignored = matching.ignored[a, t]
            hit = np.sort(place[matching.matched[a, t] & ~ignored])
            hit = hit[hit < len(order)]
            # Few detections are ignored at one threshold and not at another.
            changed = np.flatnonzero(ignored != lenient)
            changed = changed[np.argsort(place[changed])]
            surplus = np.cumsum(np.r_[0, np.where(lenient[changed], 1, -1)])
            # (all counted, true positives) up to each true positive
            counts = num_counted[hit] + surplus[np.searchsorted(
                place[changed], hit, 'right')]
            hits = np.arange(1., len(counts) + 1)
            envelope = np.maximum.accumulate(
                (hits / (counts + np.spacing(1)))[::-1])[::-1]
            at = np.searchsorted(hits / num_gts[a], RECALL_THRESHOLDS)
            precision[a, t] = np.append(envelope, 0)[at]
            recall[a, t] = len(hits) / num_gts[a]
    return precision, recall
