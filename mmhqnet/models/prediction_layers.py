"""The layers that predictions are made from, and their outputs."""
import torch
from torch import Tensor


class PredictionLayers:
    """What knows the layers by name; a mixin of the heads.

    The decoder's layers come first and are numbered from 0; the encoder's
    proposals come last. Stacked outputs have the same order.
    """

    num_pred_layers: int
    """Number of decoder layers, and one for the encoder's proposals."""

    @property
    def last_layer(self) -> int:
        """Number of the last decoder layer, which gives the result."""
        return self.num_pred_layers - 2

    @property
    def proposals_layer(self) -> int:
        """Number of the encoder's proposals."""
        return self.num_pred_layers - 1


def full_precision(output: Tensor) -> Tensor:
    """The output of a branch, in float32 under mixed precision."""
    half = output.dtype in (torch.float16, torch.bfloat16)
    return output.float() if half else output
