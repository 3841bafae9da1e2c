"""Losses on keypoints (method 2.4, 2.7)."""
from typing import Optional, Sequence

import torch
from torch import Tensor, nn

from mmhqnet.registry import MODELS

COCO_SIGMAS = (.026, .025, .025, .035, .035, .079, .079, .072, .072, .062,
               .062, .107, .107, .087, .087, .089, .089)


def object_keypoint_similarity(pred: Tensor,
                               target: Tensor,
                               visible: Tensor,
                               areas: Tensor,
                               sigmas: Tensor,
                               max_exponent: Optional[float] = None) -> Tensor:
    """OKS as COCO defines it, over labelled keypoints only.

    Args:
        pred: Keypoints in pixels, (..., K, 2).
        target: Keypoints in pixels, broadcastable to ``pred``.
        visible: 1 where the keypoint is labelled, (..., K).
        areas: Area of the person in square pixels, (...).
        sigmas: Fall-off of each keypoint, (K, ).

    Returns: OKS in [0, 1], (...); 0 for persons without any labelled keypoint.
    """
    variance = (2 * sigmas)**2
    # Of each keypoint, (..., K).
    squared_distance = (pred - target).square().sum(-1)
    exponent = squared_distance / (2 * areas[..., None].clamp(
        min=torch.finfo(areas.dtype).eps) * variance)
    if max_exponent is not None:
        exponent = exponent.clamp(max=max_exponent)
    similarity = torch.exp(-exponent) * visible
    return similarity.sum(-1) / visible.sum(-1).clamp(min=1)


@MODELS.register_module()
class OKSLoss(nn.Module):
    """Negative logarithm of the OKS, which is at least ``eps`` inside."""

    def __init__(self,
                 sigmas: Sequence[float] = COCO_SIGMAS,
                 loss_weight: float = 1.0,
                 eps: float = 1e-6) -> None:
        super().__init__()
        self.sigmas = tuple(sigmas)
        self.loss_weight = loss_weight
        self.eps = eps

    def forward(self,
                pred: Tensor,
                target: Tensor,
                visible: Tensor,
                areas: Tensor,
                max_exponent: Optional[float] = None) -> Tensor:
        """Weighted loss (...) of each pose; 0 for persons without keypoints.

        Args: See :func:`object_keypoint_similarity`; matching limits the
            exponent to 100 (method 3).
        """
        sigmas = torch.tensor(
            self.sigmas, dtype=pred.dtype).to(
                pred.device, non_blocking=True)
        oks = object_keypoint_similarity(pred, target, visible, areas, sigmas,
                                         max_exponent)
        loss = -oks.clamp(min=self.eps).log()
        return self.loss_weight * loss * visible.any(-1)


@MODELS.register_module()
class HeatmapFocalLoss(nn.Module):
    """CenterNet's focal loss on keypoint heat maps (method 2.7).

    Args:
        alpha: Exponent of the prediction's error.
        gamma: Exponent that spares pixels near a keypoint.
        eps: Probabilities are kept in [eps, 1 - eps].
    """

    def __init__(self,
                 alpha: float = 2.0,
                 gamma: float = 4.0,
                 loss_weight: float = 1.0,
                 eps: float = 1e-4) -> None:
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma
        self.loss_weight = loss_weight
        self.eps = eps

    def forward(self,
                logits: Tensor,
                target: Tensor,
                padding_mask: Optional[Tensor] = None) -> Tensor:
        """Weighted loss of a batch, over this process's keypoint pixels.

        Args:
            logits: Heat map logits, (bs, K, H, W).
            target: Gaussians, exactly 1 at keypoints, (bs, K, H, W).
            padding_mask: True where padded, (bs, H, W).
        """
        # In half precision 1 - eps would be 1.
        prob = logits.to(target.dtype).sigmoid()
        prob = prob.clamp(self.eps, 1 - self.eps)
        positive = (target == 1).to(prob.dtype)
        negative = 1 - positive
        if padding_mask is not None:
            negative = negative * ~padding_mask[:, None]
        pos_loss = positive * prob.log() * (1 - prob)**self.alpha
        neg_loss = (
            negative * (1 - prob).log() * prob**self.alpha *
            (1 - target)**self.gamma)
        num_pos = positive.sum().clamp(min=1)
        return -self.loss_weight * (pos_loss.sum() + neg_loss.sum()) / num_pos
