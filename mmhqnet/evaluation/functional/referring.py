"""How well the one person that was meant is found (docs/uniphd.md).

All of it looks at the best prediction of a sample only.
"""
from typing import Dict, Sequence, Tuple

import numpy as np

# Left and right ear of COCO's joints: their distance is the head's size.
HEAD = (3, 4)
OVERLAPS = (.5, .6, .7, .8, .9)


def count_correct_joints(pred: np.ndarray,
                         target: np.ndarray,
                         visible: np.ndarray,
                         head: Tuple[int, int] = HEAD,
                         threshold: float = 0.5) -> Tuple[int, int]:
    """Joints within a share of the head's size, and how many count.

    Args:
        pred, target: x, y in pixels, (K, 2).
        visible: Above 0 where labelled, (K, ).
        head: The two joints whose distance is the head's size.
        threshold: Share of that distance.

    Returns:
        Correct and labelled joints; (0, 0) where the head is not labelled.
        Ears at one place make a head of size 0, which counts.
    """
    labelled = np.asarray(visible) > 0
    if not labelled[list(head)].all():
        return 0, 0
    size = np.linalg.norm(target[head[0]] - target[head[1]])
    distance = np.linalg.norm(np.subtract(pred, target), axis=-1)
    correct = (distance <= threshold * size) & labelled
    return int(correct.sum()), int(labelled.sum())


def mask_overlap(pred: np.ndarray, target: np.ndarray) -> Tuple[int, int]:
    """Pixels of intersection and union of two masks, (h, w)."""
    pred, target = np.asarray(pred, bool), np.asarray(target, bool)
    return int((pred & target).sum()), int((pred | target).sum())


def referring_scores(joints: Sequence[Tuple[int, int]],
                     overlaps: Sequence[Tuple[int, int]]) -> Dict[str, float]:
    """PCKh and overlaps of all samples, from what the functions above give.

    Returns:
        ``PCKh``; ``oIoU``, sum of all intersections by sum of all unions;
        ``mIoU``, mean over the samples; ``P_50`` .. ``P_90``, share of samples
        with more IoU than that. -1 without any sample that counts.
    """
    correct, labelled = np.sum(list(joints) or [(0, 0)], axis=0)
    overlaps = np.array(list(overlaps), float).reshape(-1, 2)
    scores = dict(PCKh=correct / labelled if labelled else -1.)
    if not len(overlaps):
        return {
            **scores, 'oIoU': -1.,
            'mIoU': -1.,
            **{
                f'P_{round(100 * bound)}': -1.
                for bound in OVERLAPS
            }
        }
    intersections, unions = overlaps.T
    ious = intersections / np.maximum(unions, 1)
    scores['oIoU'] = intersections.sum() / max(unions.sum(), 1)
    scores['mIoU'] = ious.mean()
    for bound in OVERLAPS:
        scores[f'P_{round(100 * bound)}'] = (ious > bound).mean()
    return {name: float(value) for name, value in scores.items()}
