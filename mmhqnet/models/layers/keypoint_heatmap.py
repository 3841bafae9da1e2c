"""Auxiliary keypoint heat maps on the encoder's memory (method 1.9, 2.7)."""
from typing import Optional, Sequence, Tuple

import torch
from mmengine.model import BaseModule, bias_init_with_prob
from torch import Tensor, nn

from mmhqnet.registry import MODELS

from .transformer import HQNetEncoder, init_transformer


@MODELS.register_module()
class KeypointHeatmap(BaseModule):
    """Predicts one heat map per keypoint at stride 8, in training only.

    An encoder layer of its own on the stride-8 tokens, and a linear layer.
    """

    stride = 8

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_keypoints: int = 17,
                 num_heads: int = 8,
                 num_points: int = 4,
                 feedforward_channels: int = 1024,
                 dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = HQNetEncoder(
            num_layers=1,
            layer_cfg=dict(
                self_attn_cfg=dict(
                    embed_dims=embed_dims,
                    num_heads=num_heads,
                    num_levels=1,
                    num_points=num_points,
                    dropout=dropout),
                ffn_cfg=dict(
                    embed_dims=embed_dims,
                    feedforward_channels=feedforward_channels,
                    ffn_drop=dropout)))
        self.fc_hm = nn.Linear(embed_dims, num_keypoints)

    def init_weights(self) -> None:
        """Xavier for the encoder layer, a low prior for the heat maps."""
        init_transformer(self.encoder)
        nn.init.normal_(self.fc_hm.weight, std=0.01)
        nn.init.constant_(self.fc_hm.bias, bias_init_with_prob(0.1))

    def forward(self, memory: Tensor, memory_pos: Tensor,
                memory_mask: Optional[Tensor], valid_ratios: Tensor,
                shape: Tuple[int, int]) -> Tensor:
        """Logits of the heat maps, (bs, K, h, w).

        Args:
            memory, memory_pos, memory_mask, valid_ratios: See
                :class:`EncodedImages`.
            shape: (h, w) of the stride-8 level, the first of the memory.
        """
        num_tokens = shape[0] * shape[1]
        if memory_mask is not None:
            memory_mask = memory_mask[:, :num_tokens]
        tokens = self.encoder(
            query=memory[:, :num_tokens],
            query_pos=memory_pos[:, :num_tokens],
            key_padding_mask=memory_mask,
            spatial_shapes=[shape],
            level_start_index=torch.zeros(
                1, dtype=torch.long, device=memory.device),
            valid_ratios=valid_ratios[:, :1])
        return self.fc_hm(tokens).transpose(1, 2).unflatten(2, shape)

    def draw_targets(self, keypoints: Sequence[Tensor],
                     labelled: Sequence[Tensor], bboxes: Sequence[Tensor],
                     shape: Tuple[int, int]) -> Tensor:
        """Draw a Gaussian at every labelled keypoint.

        Args:
            keypoints: Of each image's persons, input pixels, (num_gts, K, 2).
            labelled: 1 where labelled, (num_gts, K).
            bboxes: Boxes xyxy in input pixels, (num_gts, 4).
            shape: (h, w) of the heat map.

        Returns: (bs, K, h, w), exactly 1 at the pixel of a keypoint.
        """
        height, width = shape
        image_inds = torch.cat([
            torch.full((len(boxes), ), image, device=boxes.device)
            for image, boxes in enumerate(bboxes)
        ])
        centres = (torch.cat(list(keypoints)) / self.stride).floor()
        labelled = torch.cat(list(labelled)) > 0
        boxes = torch.cat(list(bboxes))
        radius = gaussian_radius((boxes[:, 2:] - boxes[:, :2]) / self.stride)

        # Every Gaussian is a patch of 7 x 7 pixels, the largest radius being
        # 3, of which smaller ones use a part.
        reach = torch.arange(-3, 4, device=boxes.device)
        dy, dx = torch.meshgrid(reach, reach, indexing='ij')
        # Its value and whether it reaches there, (num_gts, 7, 7), and where
        # there is, (num_gts, K, 7, 7).
        sigma = ((2 * radius + 1) / 6)[:, None, None]
        values = torch.exp(-(dx**2 + dy**2) / (2 * sigma**2))
        inside = torch.maximum(dx.abs(), dy.abs()) <= radius[:, None, None]
        x = centres[..., 0, None, None].long() + dx
        y = centres[..., 1, None, None].long() + dy
        # A keypoint exactly on the right or lower border has its centre
        # outside of the map and draws nothing.
        drawn = (
            labelled & (centres >= 0).all(-1) & (centres[..., 0] < width) &
            (centres[..., 1] < height))
        drawn = (
            drawn[..., None, None] & inside[:, None] & (x >= 0) & (x < width) &
            (y >= 0) & (y < height))

        # One long row of all maps, to which every patch adds its maximum.
        num_images, num_keypoints = len(bboxes), labelled.shape[1]
        maps = boxes.new_zeros(num_images * num_keypoints * height * width)
        channel = (
            image_inds[:, None] * num_keypoints +
            torch.arange(num_keypoints, device=boxes.device))
        index = (channel[..., None, None] * height + y) * width + x
        maps = maps.scatter_reduce(
            0,
            torch.where(drawn, index, 0).flatten(),
            torch.where(drawn, values[:, None], 0).flatten(), 'amax')
        return maps.view(num_images, num_keypoints, height, width)


def gaussian_radius(sizes: Tensor, min_overlap: float = 0.9) -> Tensor:
    """Radii (n, ) of keypoints' Gaussians from the sizes of their boxes.

    CornerNet's third root, always the smallest of its three, rounded down
    and limited to 3 (method 2.7).

    Args:
        sizes: (w, h) of the boxes in heat map pixels, (n, 2).
        min_overlap: Overlap that a box moved by the radius keeps.
    """
    total, area = sizes.sum(-1), sizes.prod(-1)
    a, b, c = (4 * min_overlap, -2 * min_overlap * total,
               (min_overlap - 1) * area)
    radius = (b + (b**2 - 4 * a * c).sqrt()) / 2
    return radius.floor().clamp(0, 3)
