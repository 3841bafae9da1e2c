"""ConvNeXt (arXiv 2201.03545); weights are named as in its release."""
from typing import List, Optional, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmhqnet.registry import MODELS

from ..layers.channel_norm import ChannelNorm


class ConvNeXtBlock(nn.Module):
    """Depth-wise 7x7 convolution, then an MLP on each pixel."""

    def __init__(self, dims: int, drop_path: float,
                 layer_scale: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dims, dims, 7, padding=3, groups=dims)
        self.norm = nn.LayerNorm(dims, eps=1e-6)
        self.pwconv1 = nn.Linear(dims, 4 * dims)
        self.pwconv2 = nn.Linear(4 * dims, dims)
        self.gamma = nn.Parameter(torch.full((dims, ), layer_scale))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (bs, dim, h, w) to the same shape."""
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + self.drop_path(y.permute(0, 3, 1, 2))


@MODELS.register_module()
class ConvNeXtBackbone(BaseModule):
    """ConvNeXt with the maps of all four stages; ConvNeXt-T by default.

    NOTE mmdet takes ConvNeXt from mmpretrain, a package that is hard to
    install; this one needs nothing more.

    Args:
        depths, dims: Blocks and channels of each stage.
        drop_path_rate: Chance that the last block is left out of its residual;
            grows linearly from 0.
        layer_scale: Initial weight of the residuals.
        with_cp: Whether the backward pass computes activations again.
    """

    def __init__(self,
                 *,
                 depths: Sequence[int] = (3, 3, 9, 3),
                 dims: Sequence[int] = (96, 192, 384, 768),
                 drop_path_rate: float = 0.4,
                 layer_scale: float = 1.0,
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.with_cp = with_cp
        self.downsample_layers = ModuleList(
            [nn.Sequential(nn.Conv2d(3, dims[0], 4, 4), ChannelNorm(dims[0]))])
        for before, after in zip(dims, dims[1:]):
            self.downsample_layers.append(
                nn.Sequential(
                    ChannelNorm(before), nn.Conv2d(before, after, 2, 2)))
        rates = iter(np.linspace(0, drop_path_rate, sum(depths)).tolist())
        self.stages = ModuleList(
            nn.Sequential(*(ConvNeXtBlock(dim, next(rates), layer_scale)
                            for _ in range(depth)))
            for dim, depth in zip(dims, depths))
        for index, dim in enumerate(dims):
            self.add_module(f'norm{index}', ChannelNorm(dim))

    def init_weights(self) -> None:
        """Truncated normal, unless ``init_cfg`` names a checkpoint."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        super().init_weights()

    def forward(self, x: Tensor) -> List[Tensor]:
        """Images (bs, 3, H, W) to maps of strides 4, 8, 16 and 32."""
        maps = []
        for index, (downsample, stage) in enumerate(
                zip(self.downsample_layers, self.stages)):
            # what does not fill a patch is padded, as in the other backbones
            stride = 4 if index == 0 else 2
            x = downsample(
                F.pad(x, (0, -x.shape[3] % stride, 0, -x.shape[2] % stride)))
            if self.with_cp and self.training:
                x = checkpoint(stage, x, use_reentrant=False)
            else:
                x = stage(x)
            maps.append(getattr(self, f'norm{index}')(x))
        return maps
