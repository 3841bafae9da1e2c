"""Five strides from the one map of a plain backbone (arXiv 2203.16527)."""
from typing import Optional, Sequence, Tuple

import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from ..layers.channel_norm import ChannelNorm


@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """Strides 4, 8, 16, 32 and 64 from a map of stride 16.

    Raises: InputError: If the backbone gives several maps.
    """

    def __init__(self,
                 in_channels: int = 1024,
                 out_channels: int = 256,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        half, quarter = in_channels // 2, in_channels // 4
        self.resamplers = ModuleList([
            nn.Sequential(
                nn.ConvTranspose2d(in_channels, half, 2, 2), ChannelNorm(half),
                nn.GELU(), nn.ConvTranspose2d(half, quarter, 2, 2)),
            nn.ConvTranspose2d(in_channels, half, 2, 2),
            nn.Identity(),
            nn.MaxPool2d(2)
        ])
        self.convs = ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, bias=False),
                ChannelNorm(out_channels),
                nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
                ChannelNorm(out_channels))
            for channels in (quarter, half, in_channels, in_channels))

    def forward(self, feats: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """Five maps from the only one, of stride 16, (bs, dim, h, w).

        That of stride 64 is the one of stride 32, every second pixel.
        """
        if len(feats) != 1:
            raise InputError(
                f'model.neck SimpleFeaturePyramid takes one map of stride 16, '
                f'but model.backbone gives {len(feats)}; use ChannelMapper')
        maps = [
            conv(resample(feats[0]))
            for resample, conv in zip(self.resamplers, self.convs)
        ]
        return (*maps, F.max_pool2d(maps[3], 1, 2))
