"""Refinement of whole poses by a small decoder over keypoints (spec 1.10)."""
from typing import List, Optional, Sequence, Tuple

import torch
from mmdet.models.layers import inverse_sigmoid
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmhqnet.registry import MODELS

from ..layers.mlp import build_mlp
from ..layers.transformer import DecoderLayer, init_transformer


class PoseRefinementLayer(DecoderLayer):
    """Keypoints of a person attend to each other, then to their image.

    The memory of an image is projected once, whatever the number of persons:
    in the cross-attention, the keypoints of all persons of an image are the
    queries of that image. Self-attention stays within a person.
    """

    def forward(self, query: Tensor, query_pos: Tensor, reference: Tensor,
                persons_per_image: List[int], memory: Tensor,
                **kwargs) -> Tensor:
        """Update the keypoint queries.

        Args:
            query (Tensor): (num_persons, K, dim), image after image.
            query_pos (Tensor): (num_persons, K, dim).
            reference (Tensor): Points in each level of the image,
                (num_persons, K, num_levels, 2).
            persons_per_image (list[int]): Number of persons of each image.
            memory (Tensor): Encoder output, (bs, num_tokens, dim).
            **kwargs: Spatial shapes, level starts and padding mask of the
                memory.

        Returns:
            Tensor: (num_persons, K, dim).
        """
        query = self.norms[0](
            self.self_attn(query, query_pos=query_pos, key_pos=query_pos))
        num_keypoints = query.shape[1]
        query, query_pos, reference = (
            x.flatten(0, 1)[None] for x in (query, query_pos, reference))
        query = self.cross_attn(
            query,
            value=memory,
            query_pos=query_pos,
            reference_points=reference,
            query_counts=[n * num_keypoints for n in persons_per_image],
            **kwargs)
        query = query[0].unflatten(0, (-1, num_keypoints))
        return self.norms[2](self.ffn(self.norms[1](query)))


@MODELS.register_module()
class PoseRefinementDecoder(BaseModule):
    """Moves each keypoint of a pose by looking at the image around it.

    Args:
        embed_dims (int): Channels of memory and queries.
        num_keypoints (int): Number of keypoints K.
        num_layers (int): Number of refinements.
        num_heads (int): Heads of both attentions.
        num_levels (int): Levels of the memory.
        num_points (int): Sampling points of the deformable attention.
        feedforward_channels (int): Hidden channels of the FFN.
        dropout (float): Dropout of attentions and FFN.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_keypoints: int = 17,
                 num_layers: int = 2,
                 num_heads: int = 8,
                 num_levels: int = 4,
                 num_points: int = 4,
                 feedforward_channels: int = 1024,
                 dropout: float = 0.1) -> None:
        super().__init__()
        attention = dict(
            embed_dims=embed_dims, num_heads=num_heads, dropout=dropout)
        self.layers = ModuleList(
            PoseRefinementLayer(
                self_attn_cfg=dict(attention),
                cross_attn_cfg=dict(
                    attention, num_levels=num_levels, num_points=num_points),
                ffn_cfg=dict(
                    embed_dims=embed_dims,
                    feedforward_channels=feedforward_channels,
                    ffn_drop=dropout)) for _ in range(num_layers))
        # Position and content of each keypoint's query, side by side.
        self.query_embedding = nn.Embedding(num_keypoints, 2 * embed_dims)
        self.branches = ModuleList(
            build_mlp(embed_dims, embed_dims, 2, num_hidden=2)
            for _ in range(num_layers))

    def init_weights(self) -> None:
        """Start from the pose as it is: the last layers are zero."""
        init_transformer(self.layers)
        nn.init.normal_(self.query_embedding.weight)
        for branch in self.branches:
            nn.init.zeros_(branch[-1].weight)
            nn.init.zeros_(branch[-1].bias)

    def forward(self, poses: Tensor, persons_per_image: List[int],
                memory: Tensor, memory_mask: Optional[Tensor],
                spatial_shapes: Sequence[Tuple[int, int]],
                level_start_index: Tensor,
                valid_ratios: Tensor) -> List[Tensor]:
        """Refine poses layer by layer.

        Args:
            poses (Tensor): Keypoints normalised by the size of their image,
                (num_persons, K, 2), image after image; no gradient goes back
                into them.
            persons_per_image (list[int]): Number of persons of each image.
            memory (Tensor): Encoder output, (bs, num_tokens, dim).
            memory_mask (Tensor, optional): True where padded, (bs,
                num_tokens).
            spatial_shapes (Sequence[tuple[int, int]]): (h, w) of each level.
            level_start_index (Tensor): First token of each level.
            valid_ratios (Tensor): (bs, num_levels, 2).

        Returns:
            list[Tensor]: Refined poses of each layer, (num_persons, K, 2).
        """
        if len(poses) == 0:
            # Nobody to refine; keep the parameters in the graph, which
            # distributed training relies on.
            zero = sum(parameter.sum() for parameter in self.parameters()) * 0
            return [poses.detach() + zero for _ in self.layers]
        query_pos, query = self.query_embedding.weight.expand(
            len(poses), -1, -1).chunk(
                2, dim=-1)
        ratios = torch.cat([
            ratio.expand(number, 1, -1, -1)
            for number, ratio in zip(persons_per_image, valid_ratios)
        ])
        refined = []
        for layer, branch in zip(self.layers, self.branches):
            poses = poses.detach()
            query = layer(
                query,
                query_pos,
                poses[:, :, None] * ratios,
                persons_per_image,
                memory,
                key_padding_mask=memory_mask,
                spatial_shapes=spatial_shapes,
                level_start_index=level_start_index)
            poses = (branch(query) + inverse_sigmoid(poses)).sigmoid()
            refined.append(poses)
        return refined
