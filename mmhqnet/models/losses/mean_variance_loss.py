"""Loss of age as a distribution over years (method 2.9)."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmhqnet.registry import MODELS


def expected_value(logits: Tensor) -> Tensor:
    """Mean (...) of the distribution over bins 0, 1, 2, ... whose logits are
    (..., num_bins)."""
    bins = torch.arange(
        logits.shape[-1], dtype=logits.dtype, device=logits.device)
    return (logits.softmax(-1) * bins).sum(-1)


@MODELS.register_module()
class MeanVarianceLoss(nn.Module):
    """Squared error of the mean, variance, and cross entropy of an age.

    With the default weights the effective factors are 0.002 (mean), 0.01
    (variance), as the paper's table A5, and 0.1 (cross entropy), which the
    paper does not list.
    """

    def __init__(self,
                 mean_weight: float = 0.02,
                 variance_weight: float = 0.1,
                 ce_weight: float = 1.0,
                 loss_weight: float = 0.1) -> None:
        super().__init__()
        self.mean_weight = mean_weight
        self.variance_weight = variance_weight
        self.ce_weight = ce_weight
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, ages: Tensor) -> Tensor:
        """Weighted loss (...) of each person, without reduction.

        ``logits`` (..., num_ages) from age 0 on; ``ages`` int64 years, (...).
        """
        bins = torch.arange(
            logits.shape[-1], dtype=logits.dtype, device=logits.device)
        mean = expected_value(logits)
        variance = (logits.softmax(-1) *
                    (bins - mean[..., None]).square()).sum(-1)
        cross_entropy = F.cross_entropy(
            logits.flatten(0, -2), ages.flatten(),
            reduction='none').view_as(mean)
        return self.loss_weight * (
            self.mean_weight * (mean - ages).square() +
            self.variance_weight * variance + self.ce_weight * cross_entropy)
