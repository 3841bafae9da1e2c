"""DINO's encoder and decoder on our deformable attention.

What differs from mmdet's layers: the attention module, spatial shapes as
Python ints, and a decoder that owns its ``ref_point_head`` and sine encoding,
so that its weights have the same shape in every version of mmdet.
"""
from typing import List, Optional, Sequence, Tuple

import torch
from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmdet.models.layers import (MLP, DeformableDetrTransformerDecoderLayer,
                                 DeformableDetrTransformerEncoder,
                                 DeformableDetrTransformerEncoderLayer,
                                 DinoTransformerDecoder,
                                 coordinate_to_encoding, inverse_sigmoid)
from mmengine.model import ModuleList
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmhqnet.ops.deformable_attention import MSDeformAttention
from mmhqnet.ops.levels import is_exporting

# Tokens that a feed-forward network works on at a time, so that what it
# expands them to stays in the processor's cache.
CHUNK = 512


class TokenFeedForward(FFN):
    """A feed-forward network for very many tokens.

    Without gradient and on the CPU it does one part of the tokens after the
    other; else it is mmcv's.
    """

    def forward(self, tokens: Tensor) -> Tensor:
        """From (..., embed_dims) to the same shape."""
        if torch.is_grad_enabled() or not tokens.is_cpu or is_exporting():
            return super().forward(tokens)
        parts = map(super().forward, tokens.flatten(0, -2).split(CHUNK))
        return torch.cat(tuple(parts)).view_as(tokens)


class EncoderLayer(DeformableDetrTransformerEncoderLayer):
    """Encoder layer of deformable DETR with :class:`MSDeformAttention`."""

    checkpointing = False
    """bool: Whether to compute activations again in the backward pass."""

    def _init_layers(self) -> None:
        self.self_attn = MSDeformAttention(**self.self_attn_cfg)
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = TokenFeedForward(**self.ffn_cfg)
        self.norms = ModuleList(
            build_norm_layer(self.norm_cfg, self.embed_dims)[1]
            for _ in range(2))

    def forward(self, *args, **kwargs) -> Tensor:
        """See mmdet; in training perhaps without keeping activations."""
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(
                super().forward, *args, use_reentrant=False, **kwargs)
        return super().forward(*args, **kwargs)


class DecoderLayer(DeformableDetrTransformerDecoderLayer):
    """Decoder layer of deformable DETR with :class:`MSDeformAttention`."""

    def _init_layers(self) -> None:
        # NOTE mmcv writes ``dropout`` into a dropout_layer that all share who
        # do not bring their own.
        self.self_attn = MultiheadAttention(
            **{
                'dropout_layer': dict(type='Dropout', drop_prob=0.0),
                **self.self_attn_cfg
            })
        self.cross_attn = MSDeformAttention(**self.cross_attn_cfg)
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**self.ffn_cfg)
        self.norms = ModuleList(
            build_norm_layer(self.norm_cfg, self.embed_dims)[1]
            for _ in range(3))


class HQNetEncoder(DeformableDetrTransformerEncoder):
    """Encoder of deformable DETR (method 1.3).

    Without layers the maps of the neck are the memory as they are.

    NOTE mmdet needs fairscale for ``num_cp``, the number of layers that do
    not keep their activations.
    """

    def _init_layers(self) -> None:
        self.layers = ModuleList(
            EncoderLayer(**self.layer_cfg) for _ in range(self.num_layers))
        for layer in self.layers[:max(self.num_cp, 0)]:
            layer.checkpointing = True
        self.embed_dims = self.layer_cfg['self_attn_cfg']['embed_dims']

    def forward(self, query: Tensor, query_pos: Tensor, **kwargs) -> Tensor:
        """See mmdet; tokens of half precision stay so when predicting."""
        if not torch.is_grad_enabled():
            query_pos = query_pos.to(query.dtype)
        return super().forward(query, query_pos, **kwargs)


class HQNetDecoder(DinoTransformerDecoder):
    """DINO's: iterative box refinement, look forward twice (method 1.7)."""

    def _init_layers(self) -> None:
        self.layers = ModuleList(
            DecoderLayer(**self.layer_cfg) for _ in range(self.num_layers))
        self.embed_dims = self.layers[0].embed_dims
        self.ref_point_head = MLP(self.embed_dims * 2, self.embed_dims,
                                  self.embed_dims, 2)
        self.norm = nn.LayerNorm(self.embed_dims)

    def forward(self, query: Tensor, value: Tensor,
                key_padding_mask: Optional[Tensor],
                self_attn_mask: Optional[Tensor], reference_points: Tensor,
                spatial_shapes: Sequence[Tuple[int, int]],
                level_start_index: Tensor, valid_ratios: Tensor,
                reg_branches: nn.ModuleList,
                **kwargs) -> Tuple[Tensor, List[Tensor]]:
        """Refine the queries and their boxes layer by layer.

        Args:
            query: Content queries, (bs, num_queries_total, dim).
            value: Memory, and with it ``key_padding_mask``, ``spatial_shapes``
                ``level_start_index`` and ``valid_ratios``, see
                :class:`EncodedImages`.
            self_attn_mask: Keeps denoising groups apart, (num_queries_total,
                num_queries_total).
            reference_points: First boxes, normalised cxcywh, (bs,
                num_queries_total, 4).
            reg_branches: Box branches, one per layer.

        Returns:
            Normalised hidden states, (num_layers, bs, num_queries_total, dim),
            and a list with the reference that each layer started from,
            ``num_layers`` times (bs, num_queries_total, 4). They carry
            gradients: a layer's heads also train the box branch of the layer
            before (look forward twice).
        """
        # (bs, 1, num_levels, 4), for boxes in each level's own coordinates.
        box_ratios = torch.cat([valid_ratios, valid_ratios], -1)[:, None]
        hidden_states, references = [], [reference_points]
        for layer_id, layer in enumerate(self.layers):
            reference_input = reference_points[:, :, None] * box_ratios
            query_pos = self.ref_point_head(
                coordinate_to_encoding(
                    reference_input[:, :, 0], num_feats=self.embed_dims // 2))
            query = layer(
                query,
                query_pos=query_pos,
                value=value,
                key_padding_mask=key_padding_mask,
                self_attn_mask=self_attn_mask,
                spatial_shapes=spatial_shapes,
                level_start_index=level_start_index,
                reference_points=reference_input,
                **kwargs)
            hidden_states.append(self.norm(query))
            # NOTE DINO also moves the reference after the last layer, where
            # nobody reads it.
            if layer_id < self.num_layers - 1:
                new_reference = (
                    reg_branches[layer_id](query) +
                    inverse_sigmoid(reference_points, eps=1e-3)).sigmoid()
                references.append(new_reference)
                reference_points = new_reference.detach()
        return torch.stack(hidden_states), references


def init_transformer(module: nn.Module) -> None:
    """Xavier for an encoder or decoder, then its deformable attention."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    for layer in module.modules():
        if isinstance(layer, MSDeformAttention):
            layer.init_weights()
