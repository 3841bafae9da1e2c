"""Queries of the parts of a body (QueryPose, NeurIPS 2022, sec. 3).

A person's part queries, (num_persons, num_parts, part_dims), look at a map of
the person's region: learned spatial attention makes one embedding per part
(SPEGM), gates weigh it against the part query of the stage before (SIM), and
the parts of a person attend to each other.
"""
from typing import Sequence, Tuple

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn


class RegionUpsampling(BaseModule):
    """Twice the resolution: transposed convolution, norm, ReLU."""

    def __init__(self, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            channels, channels, 4, stride=2, padding=1, bias=False)
        self.norm = build_norm_layer(norm_cfg, channels)[1]

    def forward(self, regions: Tensor) -> Tensor:
        """(num_persons, C, S, S) to (num_persons, C, 2S, 2S)."""
        return F.relu(self.norm(self.conv(regions)))


class SpatialPartEmbedding(BaseModule):
    """Spatial part embedding generation module (SPEGM), after upsampling."""

    def __init__(self, num_parts: int, channels: int, part_dims: int) -> None:
        super().__init__()
        self.attention = nn.Conv2d(channels, num_parts, 3, padding=1)
        self.projection = nn.Linear(channels, part_dims)

    def forward(self, regions: Tensor) -> Tensor:
        """(num_persons, C, h, w) to (num_persons, P, part_dims)."""
        weights = self.attention(regions).flatten(2).softmax(-1)
        # The mean of the region as each part sees it: (num_persons, P, C).
        means = weights @ regions.flatten(2).transpose(1, 2)
        return self.projection(means)


class SelectiveIteration(BaseModule):
    """Selective iteration module (SIM): gates of the new and of the old."""

    def __init__(self, part_dims: int) -> None:
        super().__init__()
        hidden_dims = part_dims // 4
        self.reduction = nn.Linear(part_dims, hidden_dims, bias=False)
        self.norm = nn.LayerNorm(hidden_dims)
        self.gates = nn.Linear(hidden_dims, 2 * part_dims)

    def forward(self, embedding: Tensor, query: Tensor) -> Tensor:
        """Blend part embeddings with part queries of the same shape."""
        hidden = F.relu(self.norm(self.reduction(embedding + query)))
        new, old = self.gates(hidden).sigmoid().chunk(2, dim=-1)
        return new * embedding + old * query


class PartQueryLayer(BaseModule):
    """One stage of the part queries: SPEGM, SIM, attention over parts, FFN."""

    def __init__(self,
                 num_parts: int,
                 embed_dims: int = 256,
                 channels: int = 256,
                 part_dims: int = 128,
                 num_heads: int = 8,
                 feedforward_channels: int = 2048) -> None:
        super().__init__()
        self.embedding = SpatialPartEmbedding(num_parts, channels, part_dims)
        self.person_branches = ModuleList(
            nn.Linear(embed_dims, part_dims) for _ in range(num_parts))
        self.iteration = SelectiveIteration(part_dims)
        # NOTE mmcv's default dropout is whatever was asked for before.
        self.attention = MultiheadAttention(
            part_dims,
            num_heads,
            dropout_layer=dict(type='Dropout', drop_prob=0.0),
            batch_first=True)
        self.attention_norm = nn.LayerNorm(part_dims)
        self.ffn = FFN(part_dims, feedforward_channels)
        self.ffn_norm = nn.LayerNorm(part_dims)

    def forward(self, regions: Tensor, query: Tensor,
                part_query: Tensor) -> Tensor:
        """Update the part queries, (num_persons, P, part_dims).

        Args:
            regions: Upsampled regions, (num_persons, C, h, w).
            query: Queries of the persons, (num_persons, embed_dims).
            part_query: Of the stage before.
        """
        # What the parts take over from their person: (num_persons, P, dims).
        shares = torch.stack(
            [branch(query) for branch in self.person_branches], 1)
        embedding = self.embedding(regions) + shares
        part_query = self.iteration(embedding, part_query)
        part_query = self.attention_norm(self.attention(part_query))
        return self.ffn_norm(self.ffn(part_query))


class DirectionLinear(nn.Linear):
    """Linear layer of the direction of its input: W x / |x| + b."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        norm = x.norm(dim=-1, keepdim=True)
        out = F.linear(x, self.weight) / norm
        return out if self.bias is None else out + self.bias


class PartPoseBranch(BaseModule):
    """Keypoints of each part with their standard deviations.

    Every keypoint is in exactly one of the ``part_groups``.
    """

    def __init__(self,
                 part_groups: Sequence[Sequence[int]],
                 part_dims: int = 128) -> None:
        super().__init__()
        self.mu_branches = ModuleList(
            DirectionLinear(part_dims, 2 * len(part)) for part in part_groups)
        self.sigma_branches = ModuleList(
            nn.Linear(part_dims, 2 * len(part)) for part in part_groups)
        order = [keypoint for part in part_groups for keypoint in part]
        self.register_buffer(
            'places', torch.tensor(order).argsort(), persistent=False)

    def forward(self, part_query: Tensor) -> Tuple[Tensor, Tensor]:
        """Read the part queries, (num_persons, P, part_dims).

        Returns:
            Positions relative to the box's centre and size, and their standard
            deviations in (0, 1), both (num_persons, K, 2).
        """
        mu, sigma = (
            torch.cat([
                branch(part)
                for branch, part in zip(branches, part_query.unbind(1))
            ], -1).unflatten(-1, (-1, 2))[:, self.places]
            for branches in (self.mu_branches, self.sigma_branches))
        return mu, sigma.sigmoid()
