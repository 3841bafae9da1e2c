"""Binary cross entropy with soft targets in any precision."""
import torch.nn.functional as F
from torch import Tensor, nn

from mmhqnet.registry import MODELS


@MODELS.register_module()
class BinaryCrossEntropyLoss(nn.Module):
    """Cross entropy of a logit and a target in [0, 1], without reduction.

    NOTE mmdet's ``CrossEntropyLoss`` rounds the target to float32, and turns
    labels without a channel into one-hot vectors, so that it learns the
    probability of label 0 (method 2.8).
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Weighted loss of each element; all have the same shape."""
        return self.loss_weight * F.binary_cross_entropy_with_logits(
            logits, target.to(logits.dtype), reduction='none')
