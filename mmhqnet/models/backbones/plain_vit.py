"""A plain vision transformer as a backbone for detection (ViTDet).

Li et al., Exploring Plain Vision Transformer Backbones for Object Detection
(arXiv 2203.16527): most blocks look at windows, a few at the whole map;
relative positions are learned per axis. The names of the weights are those of
MAE and of ViTDet, so that :func:`convert_vit` has little to do.
"""
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

QUERY_CHUNK = 1024  # queries whose position biases are in memory at a time


def split_windows(tokens: Tensor, size: int) -> Tuple[Tensor, Tuple[int, int]]:
    """Cut a map (bs, h, w, dim) into windows, padded with zeros.

    Returns: (bs * num_windows, size, size, dim), and (h, w) of the padded map.
    """
    height, width = tokens.shape[1:3]
    tokens = F.pad(tokens, (0, 0, 0, -width % size, 0, -height % size))
    padded = tokens.shape[1:3]
    windows = tokens.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return windows.transpose(2, 3).flatten(0, 2), tuple(padded)


def join_windows(windows: Tensor, padded: Tuple[int, int],
                 shape: Tuple[int, int]) -> Tensor:
    """The inverse of :func:`split_windows`, cut to ``shape``."""
    size = windows.shape[1]
    rows, columns = padded[0] // size, padded[1] // size
    tokens = windows.unflatten(0, (-1, rows, columns)).transpose(2, 3)
    tokens = tokens.flatten(3, 4).flatten(1, 2)
    return tokens[:, :shape[0], :shape[1]]


class RelativeAttention(nn.Module):
    """Self-attention on a map with learned relative positions.

    Args:
        size: Side of the map for which the positions are made; those of other
            sizes are interpolated.
    """

    def __init__(self, dims: int, num_heads: int, size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dims, 3 * dims)
        self.proj = nn.Linear(dims, dims)
        for axis in 'hw':
            table = nn.Parameter(torch.zeros(2 * size - 1, dims // num_heads))
            self.register_parameter(f'rel_pos_{axis}', table)

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend within each map (bs, h, w, dim)."""
        height, width = tokens.shape[1:3]
        qkv = self.qkv(tokens.flatten(1, 2)).unflatten(-1,
                                                       (3, self.num_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (bs, heads, n, dim)
        rows = _relative(self.rel_pos_h, height)  # (h, h, dim)
        columns = _relative(self.rel_pos_w, width)
        out = [
            F.scaled_dot_product_attention(
                part, key, value,
                self._position_bias(part, start, rows, columns))
            for start, part in zip(
                range(0, height *
                      width, QUERY_CHUNK), query.split(QUERY_CHUNK, dim=2))
        ]
        out = torch.cat(out, 2).transpose(1, 2).flatten(2)
        return self.proj(out).unflatten(1, (height, width))

    @staticmethod
    def _position_bias(query: Tensor, start: int, rows: Tensor,
                       columns: Tensor) -> Tensor:
        """Logits from the distance along each axis, (bs, heads, n, h * w).

        Args:
            query: n queries of a map, (bs, heads, n, dim).
            start: Place of the first of them in the map.
            rows, columns: Relative positions, (h, h, dim) and (w, w, dim).
        """
        place = torch.arange(
            start, start + query.shape[2], device=query.device)
        along_h = rows[place // len(columns)]  # (n, h, dim)
        along_w = columns[place % len(columns)]  # (n, w, dim)
        bias_h = torch.einsum('bmnc,nhc->bmnh', query, along_h)
        bias_w = torch.einsum('bmnc,nwc->bmnw', query, along_w)
        return (bias_h[..., None] + bias_w[..., None, :]).flatten(3)


def _relative(table: Tensor, size: int) -> Tensor:
    """Vectors of all distances on an axis, (size, size, dim)."""
    if len(table) != 2 * size - 1:
        table = F.interpolate(
            table.T[None], size=2 * size - 1, mode='linear')[0].T
    place = torch.arange(size, device=table.device)
    return table[place[:, None] - place + size - 1]


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dims, hidden_dims)
        self.fc2 = nn.Linear(hidden_dims, dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply it to each token, (..., dim)."""
        return self.fc2(F.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """Attention, in windows or on the whole map, and an MLP."""

    def __init__(self, dims: int, num_heads: int, mlp_ratio: float,
                 drop_path: float, window_size: int, map_size: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm1 = nn.LayerNorm(dims, eps=1e-6)
        self.attn = RelativeAttention(dims, num_heads, window_size or map_size)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dims, eps=1e-6)
        self.mlp = Mlp(dims, int(dims * mlp_ratio))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (bs, h, w, dim) to the same shape."""
        shape = tokens.shape[1:3]
        attended = self.norm1(tokens)
        if self.window_size:
            attended, padded = split_windows(attended, self.window_size)
        attended = self.attn(attended)
        if self.window_size:
            attended = join_windows(attended, padded, shape)
        tokens = tokens + self.drop_path(attended)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class PatchEmbed(nn.Module):
    """One token per patch; what does not fill a patch is padded with 0."""

    def __init__(self, patch_size: int, dims: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(3, dims, patch_size, patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """Images (bs, 3, H, W) to tokens (bs, h, w, dim)."""
        height, width = images.shape[2:]
        images = F.pad(
            images,
            (0, -width % self.patch_size, 0, -height % self.patch_size))
        return self.proj(images).permute(0, 2, 3, 1)


@MODELS.register_module()
class PlainViT(BaseModule):
    """Plain vision transformer; ViT-L of ViTDet by default.

    Args:
        mlp_ratio: Hidden channels of the MLPs over ``embed_dims``.
        img_size: Side of the images for which the global relative positions
            are made.
        pretrain_img_size: The same for the absolute positions.
        window_size: Side of a window in tokens.
        global_blocks: Blocks that look at the whole map.
        drop_path_rate: Chance that the last block is left out of a residual;
            grows linearly from 0.
        with_cp: Whether the backward pass computes activations again.

    Raises: InputError: If a global block does not exist.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 1024,
                 depth: int = 24,
                 num_heads: int = 16,
                 mlp_ratio: float = 4.0,
                 patch_size: int = 16,
                 img_size: int = 1024,
                 pretrain_img_size: int = 224,
                 window_size: int = 14,
                 global_blocks: Sequence[int] = (5, 11, 17, 23),
                 drop_path_rate: float = 0.4,
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if not set(global_blocks) <= set(range(depth)):
            raise InputError(
                f'model.backbone.global_blocks is {tuple(global_blocks)}, but '
                f'there are blocks 0 to {depth - 1}')
        self.with_cp = with_cp
        self.patch_embed = PatchEmbed(patch_size, embed_dims)
        side = pretrain_img_size // patch_size
        self.pos_embed = nn.Parameter(torch.zeros(1, side**2, embed_dims))
        self.blocks = ModuleList(
            Block(embed_dims, num_heads, mlp_ratio, drop_path_rate * index /
                  max(depth - 1, 1), 0 if index in
                  global_blocks else window_size, img_size // patch_size)
            for index in range(depth))

    def init_weights(self) -> None:
        """Truncated normal, unless ``init_cfg`` names a checkpoint."""
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        super().init_weights()

    def forward(self, images: Tensor) -> List[Tensor]:
        """Images (bs, 3, H, W) to one map.

        Its shape is (bs, embed_dims, H / 16, W / 16), rounded up.
        """
        tokens = self.patch_embed(images)
        tokens = tokens + self._positions(tokens.shape[1:3])
        for block in self.blocks:
            if self.with_cp and self.training:
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return [tokens.permute(0, 3, 1, 2)]

    def _positions(self, shape: Tuple[int, int]) -> Tensor:
        """Absolute positions for a map, (1, h, w, dim)."""
        side = int(self.pos_embed.shape[1]**0.5)
        positions = self.pos_embed.unflatten(1, (side, side))
        if (side, side) == tuple(shape):
            return positions
        return F.interpolate(
            positions.permute(0, 3, 1, 2),
            size=tuple(shape),
            mode='bicubic',
            align_corners=False).permute(0, 2, 3, 1)
