"""Losses on keypoints (spec 2.4, 2.7)."""
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
        pred (Tensor): Keypoints in pixels, (..., K, 2).
        target (Tensor): Keypoints in pixels, broadcastable to ``pred``.
        visible (Tensor): 1 where the keypoint is labelled, (..., K).
        areas (Tensor): Area of the person in square pixels, (...).
        sigmas (Tensor): Fall-off of each keypoint, (K, ).
        max_exponent (float, optional): Upper bound of the exponent.

    Returns:
        Tensor: OKS in [0, 1], (...); 0 for persons without any labelled
        keypoint.
    """
    variance = (2 * sigmas)**2
    squared_distance = (pred - target).square().sum(-1)
    exponent = squared_distance / (2 * areas[..., None].clamp(
        min=torch.finfo(areas.dtype).eps) * variance)
    if max_exponent is not None:
        exponent = exponent.clamp(max=max_exponent)
    similarity = torch.exp(-exponent) * visible
    return similarity.sum(-1) / visible.sum(-1).clamp(min=1)


@MODELS.register_module()
class OKSLoss(nn.Module):
    """Negative logarithm of the object keypoint similarity.

    Args:
        sigmas (Sequence[float]): Fall-off of each keypoint.
        loss_weight (float): Weight of the loss.
        eps (float): Lower bound of the OKS inside the logarithm.
    """

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
        """Compute the loss of each pose, without reduction.

        Args:
            pred (Tensor): Predicted keypoints in pixels, (..., K, 2).
            target (Tensor): Ground truth in pixels, (..., K, 2).
            visible (Tensor): 1 where labelled, (..., K).
            areas (Tensor): Areas in square pixels, (...).
            max_exponent (float, optional): Bound of the exponent; matching
                uses 100, spec 3.

        Returns:
            Tensor: Weighted loss, (...); 0 for persons without keypoints.
        """
        sigmas = torch.tensor(self.sigmas, dtype=pred.dtype).to(
            pred.device, non_blocking=True)
        oks = object_keypoint_similarity(pred, target, visible, areas, sigmas,
                                         max_exponent)
        loss = -oks.clamp(min=self.eps).log()
        return self.loss_weight * loss * visible.any(-1)


@MODELS.register_module()
class HeatmapFocalLoss(nn.Module):
    """CenterNet's focal loss on keypoint heat maps (spec 2.7).

    Args:
        alpha (float): Exponent of the prediction's error.
        gamma (float): Exponent that spares pixels near a keypoint.
        loss_weight (float): Weight of the loss.
        eps (float): Probabilities are kept in [eps, 1 - eps].
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
        """Compute the loss of a batch of heat maps.

        Args:
            logits (Tensor): Heat map logits, (bs, K, H, W).
            target (Tensor): Gaussians, exactly 1 at keypoints, (bs, K, H, W).
            padding_mask (Tensor, optional): True where padded, (bs, H, W).

        Returns:
            Tensor: Weighted loss, a scalar, divided by the number of
            keypoint pixels of this process.
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
