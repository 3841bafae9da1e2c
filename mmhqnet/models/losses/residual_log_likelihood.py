"""Keypoints as a density: residual log-likelihood estimation.

Li et al., ICCV 2021, as QueryPose uses it: a normalising flow learns which
errors are likely, and a Laplace-like base density keeps the shape.
"""
import math
from typing import Tuple

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmhqnet.registry import MODELS


class RealNVP(BaseModule):
    """Density of points by affine couplings (Dinh et al., ICLR 2017).

    Args:
        num_couplings: Couplings; each moves one coordinate by what the other
            says, in turn.
    """

    def __init__(self, num_couplings: int = 6, hidden_dims: int = 64) -> None:
        super().__init__()

        def mlp(*last: nn.Module) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(2, hidden_dims), nn.LeakyReLU(),
                nn.Linear(hidden_dims, hidden_dims), nn.LeakyReLU(),
                nn.Linear(hidden_dims, 2), *last)

        self.scales = ModuleList(mlp(nn.Tanh()) for _ in range(num_couplings))
        self.translations = ModuleList(mlp() for _ in range(num_couplings))
        mask = torch.eye(2).flip(0).repeat((num_couplings + 1) // 2, 1)
        self.register_buffer('mask', mask[:num_couplings])

    def to_base(self, points: Tensor) -> Tuple[Tensor, Tensor]:
        """Follow points (..., 2) back to the normal distribution.

        Returns: Origins, (..., 2), and the log of the volume's change, (...).
        """
        log_det = points.new_zeros(points.shape[:-1])
        for mask, scale, translation in list(
                zip(self.mask, self.scales, self.translations))[::-1]:
            fixed = mask * points
            log_scale = scale(fixed) * (1 - mask)
            moved = (points - translation(fixed)) * (-log_scale).exp()
            points = fixed + (1 - mask) * moved
            log_det = log_det - log_scale.sum(-1)
        return points, log_det

    def forward(self, points: Tensor) -> Tensor:
        """Logarithm of the density at points (..., 2): (...)."""
        base, log_det = self.to_base(points)
        normal = -base.square().sum(-1) / 2 - math.log(2 * math.pi)
        return normal + log_det


@MODELS.register_module()
class ResidualLogLikelihoodLoss(BaseModule):
    """Negative log-likelihood of keypoints given position and deviation.

    NOTE as in the release of QueryPose, the flow's density of a keypoint
    counts for each of its coordinates, and the base is ``log(sigma sqrt(2
    pi)) + |error| / (sqrt(2) sigma)``, neither a normal nor a Laplace
    density; mmpose's ``RLELoss`` has other numbers.

    Args:
        min_sigma: Deviations below count as this much.
    """

    def __init__(self,
                 loss_weight: float = 1.0,
                 min_sigma: float = 1e-3) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.min_sigma = min_sigma
        self.flow = RealNVP()

    def forward(self, mu: Tensor, sigma: Tensor, target: Tensor,
                weight: Tensor) -> Tensor:
        """Loss of each coordinate, in float32 at least, without reduction.

        Args:
            mu, target: Predicted and true positions, (..., K, 2).
            sigma: Standard deviations, of the same shape.
            weight: 1 where labelled, (..., K, 2) or (..., K, 1).

        Returns: (..., K, 2), exactly 0 where the weight is, whatever is there.
        """
        dtype = torch.promote_types(mu.dtype, torch.float32)
        mu, sigma, target, weight = (
            x.to(dtype) for x in (mu, sigma, target, weight))
        with torch.autocast(mu.device.type, enabled=False):
            # The value has a floor, the gradient still knows the way up.
            sigma = sigma + (self.min_sigma - sigma).clamp(min=0).detach()
            # Unlabelled keypoints leave before the flow, where their error
            # could overflow.
            error = (mu - target).where(weight > 0, torch.zeros_like(mu))
            log_density = self.flow(error / sigma)[..., None]
            base = (sigma * math.sqrt(2 * math.pi)).log() + error.abs() / (
                math.sqrt(2) * sigma + 1e-9)
            loss = (sigma.log() - log_density + base) * weight
        return self.loss_weight * loss
