"""Layer norm for feature maps."""
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel."""

    def __init__(self, dims: int, eps: float = 1e-6) -> None:
        super().__init__(dims, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a map (bs, dim, h, w)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
