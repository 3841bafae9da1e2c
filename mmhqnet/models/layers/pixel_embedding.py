"""The stride-4 pixel embedding that masks are read from (method 1.4)."""
from typing import Optional

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, xavier_init
from torch import Tensor, nn

from mmhqnet.registry import MODELS


@MODELS.register_module()
class PixelEmbedding(BaseModule):
    """Joins the stride-4 feature map with the encoder's stride-8 memory.

    Args:
        in_channels: Channels of the stride-4 map, those of the memory by
            default.
        mask_dims: Channels of the result, which most of the cost depends on;
            those of the memory by default.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        in_channels: Optional[int] = None,
        mask_dims: Optional[int] = None,
        norm_cfg: dict = dict(type='GN', num_groups=32)
    ) -> None:
        super().__init__()
        mask_dims = mask_dims or embed_dims
        self.memory_conv = nn.Identity()
        if mask_dims != embed_dims:
            self.memory_conv = nn.Conv2d(embed_dims, mask_dims, 1)
        self.lateral_conv = ConvModule(
            in_channels or embed_dims,
            mask_dims,
            1,
            norm_cfg=norm_cfg,
            act_cfg=None)
        self.output_conv = ConvModule(
            mask_dims, mask_dims, 3, padding=1, norm_cfg=norm_cfg)
        self.mask_feature = nn.Conv2d(mask_dims, mask_dims, 1)

    def init_weights(self) -> None:
        """Xavier, as for the transformer; mmcv's own start is Kaiming's."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                xavier_init(module, distribution='uniform')

    def forward(self, feat: Tensor, memory: Tensor) -> Tensor:
        """The pixel embedding, (bs, mask_dims, H/4, W/4).

        Its dot product with a query's mask embedding is that query's mask.

        Args:
            feat: Stride-4 map of the neck, (bs, in_channels, H/4, W/4). It
                never enters the transformer.
            memory: Its stride-8 level as a map, (bs, dim, H/8, W/8).
        """
        # The sum wants both maps in the same order.
        channels_last = feat.is_contiguous(memory_format=torch.channels_last)
        memory = memory.contiguous(memory_format=torch.channels_last if
                                   channels_last else torch.contiguous_format)
        memory = F.interpolate(
            self.memory_conv(memory),
            size=feat.shape[-2:],
            mode='bilinear',
            align_corners=False)
        feat = self.lateral_conv(feat) + memory
        return self.mask_feature(self.output_conv(feat))
