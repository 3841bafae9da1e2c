"""Prompts as tokens that an image can attend to (docs/uniphd.md)."""
import math
from dataclasses import dataclass
from typing import Iterator, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmhqnet.registry import MODELS


@dataclass
class PromptTokens:
    """Tokens of those images of a batch whose prompts are of one family.

    Attributes:
        family: ``'text'`` or ``'positional'``.
        images: Indices of the n images in the batch.
        words: One token per word or point, (n, length, dim).
        positions: Their positional encodings, (n, length, dim).
        padding_mask: True at padded tokens, (n, length).
        sentence: What the prompt says as a whole, (n, dim).
    """
    family: str
    images: Sequence[int]
    words: Tensor
    positions: Tensor
    padding_mask: Tensor
    sentence: Tensor


class Projection(nn.Module):
    """Linear layer, layer norm, dropout; of features into prompt tokens."""

    def __init__(self, in_dims: int, out_dims: int, dropout: float) -> None:
        super().__init__()
        self.fc = nn.Linear(in_dims, out_dims)
        self.norm = nn.LayerNorm(out_dims, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_dims) to (..., out_dims)."""
        return self.dropout(self.norm(self.fc(x)))


@MODELS.register_module()
class PromptEncoder(nn.Module):
    """Project words and points to tokens of the image's width.

    Words come from a text encoder. A point is what the backbone's stride-16
    map says at its place; what all points of a scribble say on average is its
    sentence.

    Args:
        text_dims: Channels of the text encoder.
        point_dims: Channels of the stride-16 map.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 text_dims: int = 768,
                 point_dims: int = 384,
                 dropout: float = 0.1) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.word_proj = Projection(text_dims, embed_dims, dropout)
        self.sentence_proj = Projection(text_dims, embed_dims, dropout)
        self.point_proj = Projection(point_dims, embed_dims, dropout)
        self.point_sentence_proj = Projection(embed_dims, embed_dims, dropout)

    def parts(self) -> Iterator[Tuple[str, nn.Module]]:
        """Family of prompts and module, for all modules."""
        yield 'text', self.word_proj
        yield 'text', self.sentence_proj
        yield 'positional', self.point_proj
        yield 'positional', self.point_sentence_proj

    def encode_text(self, images: Sequence[int], words: Tensor,
                    sentence: Tensor, padding_mask: Tensor) -> PromptTokens:
        """Make tokens of encoded captions; see :class:`PromptTokens`.

        ``words`` are (n, length, text_dims), ``sentence`` (n, text_dims).
        """
        return PromptTokens(
            family='text',
            images=images,
            words=self.word_proj(words),
            positions=word_positions(padding_mask, self.embed_dims).to(words),
            padding_mask=padding_mask,
            sentence=self.sentence_proj(sentence))

    def encode_points(self, images: Sequence[int], points: Tensor,
                      padding_mask: Tensor, feat: Tensor, feat_pos: Tensor,
                      canvas: Tuple[int, int]) -> PromptTokens:
        """Make tokens of points; see :class:`PromptTokens`.

        Args:
            points: x, y in pixels of the input, (n, length, 2); those outside
                are moved to the border.
            feat: Stride-16 maps of the backbone, (n, point_dims, h, w).
            feat_pos: Their positional encodings, (n, dim, h, w).
            canvas: (h, w) of the padded input, pixels.
        """
        grid = points.to(feat) / points.new_tensor(canvas[::-1]).to(feat)
        grid = grid.clamp(0, 1)[:, :, None] * 2 - 1

        def sample(maps: Tensor) -> Tensor:  # (n, length, channels)
            return F.grid_sample(
                maps, grid, align_corners=True).squeeze(-1).transpose(1, 2)

        words = self.point_proj(sample(feat))
        return PromptTokens(
            family='positional',
            images=images,
            words=words,
            positions=sample(feat_pos.to(feat)),
            padding_mask=padding_mask,
            sentence=self.point_sentence_proj(
                masked_mean(words, padding_mask)))


def word_positions(padding_mask: Tensor, embed_dims: int) -> Tensor:
    """Sine encoding of the words' places, of which the last has 2 pi.

    From (n, length), True where padded, to float32 (n, length, embed_dims).
    """
    places = (~padding_mask).cumsum(1, dtype=torch.float32)
    places = places / (places[:, -1:] + 1e-6) * 2 * math.pi
    channels = torch.arange(
        embed_dims, dtype=torch.float32, device=padding_mask.device)
    angles = places[..., None] / 10000**(2 * (channels // 2) / embed_dims)
    return torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()],
                       -1).flatten(2)


def masked_mean(words: Tensor, padding_mask: Tensor) -> Tensor:
    """Mean of the words (n, length, dim) that are not padding, (n, dim)."""
    valid = ~padding_mask[..., None]
    return (words * valid).sum(1) / valid.sum(1)


def in_order_of_images(
        parts: Sequence[Tuple[Sequence[int], Tensor]]) -> Tensor:
    """Results of all families in the batch's order, (bs, ...).

    ``parts`` are pairs of the n images' indices and a tensor (n, ...).
    """
    images = [image for indices, _ in parts for image in indices]
    rows = torch.cat([tensor for _, tensor in parts])
    if images == list(range(len(rows))):
        return rows
    order = sorted(range(len(images)), key=images.__getitem__)
    return rows[torch.tensor(order, device=rows.device)]


def untouched(module: nn.Module, like: Tensor) -> Tensor:
    """Scalar zero, of the type of ``like``, that depends on all weights.

    Added to a result, it gives zero gradients to a part of the network that
    this batch has no work for, so that every process of a data-parallel
    training has a gradient for every weight.
    """
    zero = like.new_zeros(())
    for parameter in module.parameters():
        if parameter.requires_grad:
            zero = zero + parameter.flatten()[0] * 0
    return zero
