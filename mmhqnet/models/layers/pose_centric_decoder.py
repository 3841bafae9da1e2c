"""Decoder of UniPHD: groups of joints and an instance (docs/uniphd.md)."""
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.transformer import FFN
from mmdet.models.layers import coordinate_to_encoding, inverse_sigmoid
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmhqnet.ops import MSDeformAttention

from .graph_attention import GraphAttention
from .mlp import build_mlp


class PoseCentricDecoderLayer(BaseModule):
    """Between the groups, into the image, and within each group.

    Args:
        num_tokens: Tokens of a group: the instance, then its joints.
        position_in_residual: As released: the positional encoding is added to
            the tokens for good. Otherwise it only steers attention.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_heads: int = 8,
                 num_tokens: int = 18,
                 num_levels: int = 4,
                 num_points: int = 4,
                 feedforward_channels: int = 2048,
                 position_in_residual: bool = True) -> None:
        super().__init__()
        self.position_in_residual = position_in_residual
        self.across_attn = nn.MultiheadAttention(
            embed_dims, num_heads, batch_first=True)
        self.cross_attn = MSDeformAttention(
            embed_dims=embed_dims,
            num_heads=num_heads,
            num_levels=num_levels,
            num_points=num_points,
            dropout=0.0,
            batch_first=True)
        self.within_attn = GraphAttention(embed_dims, num_heads, num_tokens)
        self.ffns = ModuleList(
            FFN(embed_dims, feedforward_channels, ffn_drop=0.0)
            for _ in range(2))
        self.norms = ModuleList(nn.LayerNorm(embed_dims) for _ in range(5))

    def forward(self, query: Tensor, query_pos: Tensor,
                reference_points: Tensor, **memory) -> Tensor:
        """Refine the tokens (bs, num_groups, num_tokens, dim) once.

        Args:
            query_pos: Positional encoding, of the same shape.
            reference_points: Where each token looks on each level, normalised
                x, y, (bs, num_groups, num_tokens, num_levels, 2).
            **memory: ``value``, ``key_padding_mask`` and ``spatial_shapes``
                for the deformable attention.
        """
        bs, num_groups = query.shape[:2]
        # Tokens of one kind compare themselves: (bs * tokens, groups, dim).
        peers = query.transpose(1, 2).flatten(0, 1)
        peers = self.norms[0](
            peers +
            self.across_attn(peers, peers, peers, need_weights=False)[0])
        query = peers.unflatten(0, (bs, -1)).transpose(1, 2)

        # Each token looks at the image around its own place.
        query, query_pos = query.flatten(1, 2), query_pos.flatten(1, 2)
        if self.position_in_residual:
            query = query + query_pos
        query = self.norms[1](
            self.cross_attn(
                query,
                query_pos=None if self.position_in_residual else query_pos,
                reference_points=reference_points.flatten(1, 2),
                **memory))
        query = self.norms[2](self.ffns[0](query))

        # The tokens of a group form a body: (bs * groups, tokens, dim).
        body = query.unflatten(1, (num_groups, -1)).flatten(0, 1)
        place = query_pos.unflatten(1, (num_groups, -1)).flatten(0, 1)
        placed = body + place
        if self.position_in_residual:
            body = placed
        body = self.norms[3](body + self.within_attn(placed, placed, body))
        body = self.norms[4](self.ffns[1](body))
        return body.unflatten(0, (bs, num_groups))


class PoseCentricDecoder(BaseModule):
    """Move the joints of each group towards the person, layer by layer.

    Token 0 of a group is the instance; its place is the mean of the joints.
    """

    def __init__(self,
                 *,
                 num_layers: int = 6,
                 num_keypoints: int = 17,
                 layer_cfg: Optional[dict] = None) -> None:
        super().__init__()
        layer_cfg = dict(layer_cfg or {}, num_tokens=num_keypoints + 1)
        self.num_layers = num_layers
        self.layers = ModuleList(
            PoseCentricDecoderLayer(**layer_cfg) for _ in range(num_layers))
        self.embed_dims = self.layers[0].cross_attn.embed_dims
        self.ref_point_head = build_mlp(self.embed_dims, self.embed_dims,
                                        self.embed_dims, 1)

    def forward(self, query: Tensor, value: Tensor,
                key_padding_mask: Optional[Tensor], reference_points: Tensor,
                spatial_shapes: Sequence[Tuple[int,
                                               int]], valid_ratios: Tensor,
                kpt_branches: nn.ModuleList) -> Tuple[Tensor, List[Tensor]]:
        """Refine tokens and poses.

        Args:
            query: (bs, num_groups, num_tokens, dim).
            value: Memory, and with it ``key_padding_mask``, ``spatial_shapes``
                and ``valid_ratios``, see :class:`EncodedImages`.
            reference_points: First places, normalised x, y, (bs, num_groups,
                num_tokens, 2).
            kpt_branches: Gives each layer's step of the joints, in logits.

        Returns:
            Hidden states (num_layers, bs, num_groups, num_tokens, dim), and
            the places that each layer starts from, ``num_layers`` times (bs,
            num_groups, num_tokens, 2). They carry gradients to the layer
            before (look forward twice).
        """
        ratios = valid_ratios.to(query)[:, None, None]
        hidden_states, references = [], [reference_points]
        for layer, branch in zip(self.layers, kpt_branches):
            hidden = layer(
                query,
                self._query_pos(reference_points * ratios[..., 0, :]),
                reference_points[..., None, :] * ratios[:, :, :],
                value=value,
                key_padding_mask=key_padding_mask,
                spatial_shapes=spatial_shapes)
            query = hidden
            hidden_states.append(hidden)
            if len(references) < self.num_layers:
                joints = move_joints(reference_points[:, :, 1:],
                                     branch(hidden[:, :, 1:]))
                references.append(with_centre(joints))
                reference_points = references[-1].detach()
        return torch.stack(hidden_states), references

    def _query_pos(self, places: Tensor) -> Tensor:
        """Encoding of the joints' places; the instance has none."""
        encoding = coordinate_to_encoding(
            places[:, :, 1:].flatten(1, 2), num_feats=self.embed_dims // 2)
        position = self.ref_point_head(encoding.to(places))
        position = position.unflatten(1, (places.shape[1], -1))
        return F.pad(position, (0, 0, 1, 0))


def move_joints(joints: Tensor, step: Tensor) -> Tensor:
    """Move normalised places by a step in logits, all (..., 2)."""
    return (inverse_sigmoid(joints, eps=1e-3) + step).sigmoid()


def with_centre(joints: Tensor) -> Tensor:
    """Joints (..., K, 2) and before them their mean, (..., K + 1, 2)."""
    return torch.cat([joints.mean(-2, keepdim=True), joints], -2)
