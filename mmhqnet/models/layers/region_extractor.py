"""Regions of boxes from a feature pyramid."""
from typing import Sequence

import torch
from torch import Tensor, nn

from mmhqnet.ops import roi_align
from mmhqnet.registry import MODELS


@MODELS.register_module()
class RegionExtractor(nn.Module):
    """Pools each box from the level that suits its size.

    NOTE the levels and numbers of mmdet's ``SingleRoIExtractor``, but by plain
    operators of fixed shapes: any device, exportable, no compiled mmcv.

    Args:
        output_size: Side S of a region.
        strides: Stride of each level.
        sampling_ratio: Samples along each side of a bin.
        finest_scale: Boxes twice this size, in pixels, leave the first level.
    """

    def __init__(self,
                 output_size: int = 7,
                 strides: Sequence[int] = (4, 8, 16, 32),
                 sampling_ratio: int = 2,
                 finest_scale: float = 56) -> None:
        super().__init__()
        self.output_size = output_size
        self.strides = tuple(strides)
        self.sampling_ratio = sampling_ratio
        self.finest_scale = finest_scale

    def levels(self, boxes: Tensor) -> Tensor:
        """Level of each box: (..., 4) to (...)."""
        size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1).sqrt()
        level = (size / self.finest_scale + 1e-6).log2().floor()
        return level.clamp(0, len(self.strides) - 1)

    def forward(self, feats: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Pool the boxes of each image, (bs, n, C, S, S).

        Args:
            feats: Maps, (bs, C, h, w); those beyond the strides are left
                alone.
            boxes: xyxy in pixels of the input, (bs, n, 4).
        """
        regions = [
            roi_align(feat, boxes, self.output_size, stride,
                      self.sampling_ratio)
            for feat, stride in zip(feats, self.strides)
        ]
        if len(regions) == 1:
            return regions[0]
        levels = self.levels(boxes)[..., None, None, None]
        return sum(
            torch.where(levels == level, region, 0.)
            for level, region in enumerate(regions))
