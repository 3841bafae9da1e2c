from typing import Dict, List, Sequence

import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.evaluator import BaseMetric

from mmhqnet.registry import METRICS


@METRICS.register_module()
class FeetMetric(BaseMetric):
    """``feet/PCK``: the share of labelled feet that are found.

    A person is found by the best detection of an IoU of 0.5; a foot if it is
    off by less than a share of the person's height.

    Args:
        tolerance: That share.
        **kwargs: Of mmengine's ``BaseMetric``.
    """
    default_prefix = 'feet'

    def __init__(self, tolerance: float = 0.1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.tolerance = tolerance

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count feet; labels and predictions are in pixels of the photo."""
        for sample in data_samples:
            gt, pred = sample['gt_instances'], sample['pred_instances']
            boxes, labelled = gt['bboxes'].cpu(), gt['feet_visible'].cpu() > 0
            right = torch.zeros_like(labelled)
            if len(boxes) and len(pred['bboxes']):
                overlap = bbox_overlaps(boxes, pred['bboxes'].cpu())
                scores = pred['scores'].cpu() * (overlap >= .5)
                best = scores.argmax(1)  # (num_gts,)
                error = (pred['feet'].cpu()[best] - gt['feet'].cpu()).norm(
                    dim=-1)  # (num_gts, 2)
                heights = boxes[:, 3:] - boxes[:, 1:2]
                right = (error < self.tolerance * heights) & (
                    scores.amax(1, keepdim=True) > 0)
            self.results.append(
                ((right & labelled).sum().item(), labelled.sum().item()))

    def compute_metrics(self, results: List[tuple]) -> Dict[str, float]:
        """The share over all images; -1 if no foot is labelled."""
        right, labelled = map(sum, zip(*results))
        return dict(PCK=right / labelled if labelled else -1.)
