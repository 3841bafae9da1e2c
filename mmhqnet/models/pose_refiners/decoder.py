"""Whole poses refined by a small decoder over keypoints (method 1.10)."""
from typing import Dict, List, Optional

import torch
from mmdet.models.layers import inverse_sigmoid
from mmengine.model import ModuleList
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from ..encoded_images import EncodedImages
from ..layers import DecoderLayer, build_mlp, init_transformer
from ..losses import PoseTargets, pose_losses
from .base import PoseRefiner


class PoseRefinementLayer(DecoderLayer):
    """Keypoints of a person attend to each other, then to their image.

    The memory of an image is projected once, whatever the number of persons:
    in the cross-attention, the keypoints of all persons of an image are the
    queries of that image. Self-attention stays within a person.
    """

    def forward(self, query: Tensor, query_pos: Tensor, reference: Tensor,
                persons_per_image: List[int], memory: Tensor,
                **kwargs) -> Tensor:
        """Update keypoint queries (num_persons, K, dim), image after image.

        Args:
            query_pos: Of the same shape.
            reference: Points in each level of the image, (num_persons, K,
                num_levels, 2), or boxes around them, (..., 4).
            memory: Encoder output, (bs, num_tokens, dim).
            **kwargs: Shapes, level starts and padding mask of the memory.
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
class PoseRefinementDecoder(PoseRefiner):
    """Moves each keypoint of a pose by looking at the image around it.

    Args:
        read_person: Whether to begin with the human query of each person, and
            to look around and move in units of its box (ours); otherwise the
            refinement knows the pose alone.
        loss_kpt: Config of the keypoint loss, normalised coordinates.
    """

    def __init__(self,
                 *,
                 num_layers: int = 2,
                 num_heads: int = 8,
                 num_levels: int = 4,
                 num_points: int = 4,
                 feedforward_channels: int = 1024,
                 dropout: float = 0.1,
                 read_person: bool = False,
                 loss_kpt: dict = dict(type='L1Loss', loss_weight=60.0),
                 loss_oks: dict = dict(type='OKSLoss', loss_weight=2.0),
                 **kwargs) -> None:
        super().__init__(**kwargs)
        dims = self.embed_dims
        attention = dict(embed_dims=dims, num_heads=num_heads, dropout=dropout)
        self.num_levels = num_levels
        self.layers = ModuleList(
            PoseRefinementLayer(
                self_attn_cfg=dict(attention),
                cross_attn_cfg=dict(
                    attention, num_levels=num_levels, num_points=num_points),
                ffn_cfg=dict(
                    embed_dims=dims,
                    feedforward_channels=feedforward_channels,
                    ffn_drop=dropout)) for _ in range(num_layers))
        # Position and content of each keypoint's query, side by side.
        self.query_embedding = nn.Embedding(self.num_keypoints, 2 * dims)
        self.query_proj = nn.Linear(dims, dims) if read_person else None
        self.branches = ModuleList(
            build_mlp(dims, dims, 2, num_hidden=2) for _ in range(num_layers))
        self.loss_kpt = MODELS.build(loss_kpt)
        self.loss_oks = MODELS.build({'sigmas': self.sigmas, **loss_oks})

    def init_weights(self) -> None:
        """Start from the pose as it is: the last layers are zero."""
        init_transformer(self.layers)
        nn.init.normal_(self.query_embedding.weight)
        for branch in self.branches:
            nn.init.zeros_(branch[-1].weight)
            nn.init.zeros_(branch[-1].bias)
        if self.query_proj is not None:
            nn.init.zeros_(self.query_proj.weight)
            nn.init.zeros_(self.query_proj.bias)

    def forward(self, poses: Tensor, queries: Tensor, boxes: Tensor,
                persons_per_image: List[int],
                encoded: EncodedImages) -> List[Dict[str, Tensor]]:
        """See :meth:`PoseRefiner.forward`.

        No gradient goes back into poses and boxes, nor from step to step.

        Raises: InputError: If the memory has another number of levels.
        """
        if len(encoded.spatial_shapes) != self.num_levels:
            raise InputError(
                f"PoseRefinementDecoder's num_levels is {self.num_levels}, "
                f'but the memory has {len(encoded.spatial_shapes)} levels; '
                'set task_heads.pose.refine.num_levels in the config')
        if len(poses) == 0:
            # Nobody to refine; keep the parameters in the graph.
            zero = sum(parameter.sum() for parameter in self.parameters()) * 0
            return [dict(keypoints=poses.detach() + zero) for _ in self.layers]
        # (K, 2 * dim) -> position and content, each (num_persons, K, dim)
        query_pos, query = self.query_embedding.weight.expand(
            len(poses), -1, -1).chunk(
                2, dim=-1)
        # (num_persons, 1, num_levels, 2)
        ratios = encoded.valid_ratios[self.image_inds(persons_per_image,
                                                      poses.device)][:, None]
        sizes = None
        if self.query_proj is not None:
            query = query + self.query_proj(queries)[:, None]
            sizes = boxes[:, None, 2:].detach()
        refined = []
        for layer, branch in zip(self.layers, self.branches):
            poses = poses.detach()
            query = layer(
                query,
                query_pos,
                self._reference(poses, sizes, ratios),
                persons_per_image,
                encoded.memory,
                key_padding_mask=encoded.memory_mask,
                spatial_shapes=encoded.spatial_shapes,
                level_start_index=encoded.level_start_index)
            if sizes is None:
                poses = (branch(query) + inverse_sigmoid(poses)).sigmoid()
            else:
                poses = poses + branch(query) * sizes
            refined.append(dict(keypoints=poses))
        return refined

    @staticmethod
    def _reference(poses: Tensor, sizes: Optional[Tensor],
                   ratios: Tensor) -> Tensor:
        """Points, or boxes of the person's size around them, in each level,
        (num_persons, K, num_levels, 2 or 4)."""
        points = poses[:, :, None] * ratios
        if sizes is None:
            return points
        return torch.cat([points, (sizes[:, None] * ratios).expand_as(points)],
                         -1)

    def loss(self, refined: List[Dict[str, Tensor]],
             targets: PoseTargets) -> Dict[str, Tensor]:
        """``d*.loss_kpt_refine`` and ``d*.loss_oks_refine`` of the steps."""
        pred = torch.stack([step['keypoints'] for step in refined])
        # The same persons at every step, (num_steps, num_persons, ...).
        targets = PoseTargets(*(target.expand(len(pred), *target.shape)
                                for target in targets))
        losses = zip(*pose_losses(pred, targets, self.loss_kpt, self.loss_oks))
        return {
            f'd{step}.{name}': loss
            for step, pair in enumerate(losses)
            for name, loss in zip(('loss_kpt_refine', 'loss_oks_refine'), pair)
        }
