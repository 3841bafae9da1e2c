"""What it costs to take a query group for a person: pose and mask."""
from typing import Optional, Sequence

import torch.nn.functional as F
from torch import Tensor

from ..losses.referring_loss import ReferredPersons, keypoint_losses


def pose_cost(keypoints: Tensor,
              visibilities: Optional[Tensor],
              persons: ReferredPersons,
              sigmas: Sequence[float],
              weight_keypoints: float = 10.0,
              weight_oks: float = 4.0,
              weight_visibility: float = 4.0) -> Tensor:
    """Distance of the joints, OKS, and wrong visibilities.

    Args:
        keypoints (Tensor): Normalised x, y, (num_groups, K, 2).
        visibilities (Tensor, optional): Logits, (num_groups, K).
        persons (ReferredPersons): The image's persons.
        sigmas (Sequence[float]): Fall-off of each joint.

    Returns:
        Tensor: (num_groups, num_persons).
    """
    distance, oks = keypoint_losses(keypoints[:, None], persons.keypoints,
                                    persons.visible, persons.areas, sigmas)
    cost = weight_keypoints * distance + weight_oks * oks
    if visibilities is not None:
        # BCE(x, t) = softplus(x) - x t, mean over the joints
        wrong = F.softplus(visibilities).sum(
            -1, keepdim=True) - visibilities @ persons.visible.T
        cost = cost + weight_visibility * wrong / visibilities.shape[-1]
    return cost


def mask_cost(logits: Tensor,
              persons: ReferredPersons,
              weight_focal: float = 2.0,
              weight_dice: float = 5.0) -> Tensor:
    """Focal and dice cost of unrefined masks.

    Args:
        logits (Tensor): (num_groups, H/2, W/2).
        persons (ReferredPersons): The image's persons, masks (n, H, W).

    Returns:
        Tensor: (num_groups, num_persons); 0 for persons without a mask.
    """
    target = persons.masks[:, 1::2, 1::2].flatten(1).T  # (pixels, persons)
    logits = logits.flatten(1)
    prob = logits.sigmoid()
    positive = 0.25 * (1 - prob).square() * F.softplus(-logits)
    negative = 0.75 * prob.square() * F.softplus(logits)
    focal = (positive @ target + negative @ (1 - target)) / len(target)
    dice = 1 - (2 * prob @ target + 1) / (
        prob.sum(1, keepdim=True) + target.sum(0) + 1)
    return (weight_focal * focal + weight_dice * dice) * persons.mask_valid
