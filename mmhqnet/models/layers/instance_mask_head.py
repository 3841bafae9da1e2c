"""Masks drawn by convolutions that each instance brings along."""
from typing import Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .mlp import build_mlp

CHANNELS = 16
"""int: Channels of a drawn mask; a block of 4 x 4 pixels each."""


class InstanceMaskHead(nn.Module):
    """Dynamic convolution at stride 8, refined with the backbone's maps.

    A controller turns the instance token into two 1 x 1 convolutions over
    the mask features and two relative coordinates; their 16 channels are
    blocks of pixels. CondInst's idea (arXiv 2003.05664) as used by UniPHD;
    docs/uniphd.md.

    Args:
        refine_dims: Channels of the backbone's stride-4 and stride-8 maps.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 refine_dims: Tuple[int, int] = (96, 192)) -> None:
        super().__init__()
        # weight and bias of both convolutions; + 2: dx, dy
        self.sizes = (CHANNELS * (embed_dims + 2), CHANNELS**2, CHANNELS,
                      CHANNELS)
        self.controller = build_mlp(embed_dims, embed_dims, sum(self.sizes), 2)
        self.refinements = nn.ModuleList(
            MaskRefinement(dims) for dims in reversed(refine_dims))

    def forward(self, tokens: Tensor, centres: Tensor,
                features: Tensor) -> Tensor:
        """Draw each instance at stride 8.

        Args:
            tokens: Instance tokens, (bs, n, dim).
            centres: Their centres x, y in pixels, (bs, n, 2).
            features: Mask features, (bs, dim, H/8, W/8).

        Returns: (bs, n, 16, H/8, W/8), for :meth:`unrefined`, :meth:`refine`.
        """
        # Offsets of hundreds of pixels are too much for half precision.
        with torch.autocast(features.device.type, enabled=False):
            return self._draw(
                tokens.to(centres), centres, features.to(centres))

    def _draw(self, tokens: Tensor, centres: Tensor,
              features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        first, second, first_bias, second_bias = self.controller(tokens).split(
            self.sizes, -1)
        first = first.unflatten(-1, (CHANNELS, -1))
        second = second.unflatten(-1, (CHANNELS, -1))
        # dx, dy from every cell's middle to the centre, (bs, n, 2, h * w)
        y, x = torch.meshgrid(
            torch.arange(height).to(features) * 8 + 4,
            torch.arange(width).to(features) * 8 + 4,
            indexing='ij')
        offsets = centres[..., None] - torch.stack([x, y]).flatten(1)
        drawn = first[..., :-2] @ features.flatten(2)[:, None]
        drawn = drawn + first[..., -2:] @ offsets + first_bias[..., None]
        drawn = second @ drawn.relu() + second_bias[..., None]
        return drawn.unflatten(-1, (height, width))

    @staticmethod
    def unrefined(drawn: Tensor) -> Tensor:
        """Masks (bs, n, H/2, W/2), logits, without the backbone's help."""
        return blocks_to_pixels(drawn)

    def refine(self, drawn: Tensor, feat4: Tensor, feat8: Tensor) -> Tensor:
        """Sharpen drawn masks: logits of every pixel, (bs, n, H, W).

        Args:
            drawn: Result of :meth:`forward`.
            feat4: Stride-4 map of the backbone, (bs, c, H/4, W/4).
            feat8: Stride-8 map, (bs, c, H/8, W/8).
        """
        number = drawn.shape[1]
        masks = drawn.flatten(0, 1)
        for refinement, feat in zip(self.refinements, (feat8, feat4)):
            if masks.shape[-2:] != feat.shape[-2:]:
                masks = F.interpolate(masks, feat.shape[-2:], mode='bilinear')
            masks = refinement(masks, feat, number)
        return blocks_to_pixels(masks.unflatten(0, (len(feat4), number)))


class MaskRefinement(nn.Module):
    """Two convolutions over mask and map, added to the mask."""

    def __init__(self, feat_dims: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS + feat_dims, CHANNELS, 3, padding=1)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)

    def forward(self, masks: Tensor, feat: Tensor, number: int) -> Tensor:
        """Refine ``number`` masks per map, (bs * number, 16, h, w)."""
        # The map's share of the first convolution is the same for all masks.
        mask_weight, feat_weight = self.conv1.weight.split(
            [CHANNELS, feat.shape[1]], 1)
        shared = F.conv2d(feat.relu(), feat_weight, self.conv1.bias, padding=1)
        own = F.conv2d(masks.relu(), mask_weight, padding=1)
        both = own + shared.repeat_interleave(number, 0)
        return masks + self.conv2(both.relu())


def blocks_to_pixels(blocks: Tensor) -> Tensor:
    """16 channels as 4 x 4 pixels: (..., 16, h, w) to (..., 4 h, 4 w).

    NOTE the backward pass of PyTorch's pixel shuffle fails without any mask.
    """
    pixels = blocks.unflatten(-3, (4, 4)).movedim((-4, -3), (-3, -1))
    return pixels.flatten(-4, -3).flatten(-2, -1)


def mask_features(memory: Tensor,
                  spatial_shapes: Sequence[Tuple[int, int]],
                  num_levels: int = 3) -> Tensor:
    """Sum of the finest levels at the size of the first, (bs, dim, H/8, W/8).

    ``memory`` is (bs, num_tokens, dim), its ``spatial_shapes`` are (h, w).
    """
    sizes = [height * width for height, width in spatial_shapes]
    levels = memory.transpose(1, 2).split(sizes, -1)
    maps = [
        level.unflatten(-1, tuple(shape))
        for level, shape in zip(levels, spatial_shapes)
    ][:num_levels]
    return sum((F.interpolate(level, maps[0].shape[-2:], mode='bicubic')
                for level in maps[1:]), maps[0])
