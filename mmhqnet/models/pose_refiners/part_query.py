"""QueryPose's part queries as the refinement of HQNet's poses."""
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from mmcv.cnn import ConvModule
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.model import ModuleList
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmhqnet.ops import roi_align
from mmhqnet.registry import MODELS

from ..encoded_images import EncodedImages
from ..layers import (PartPoseBranch, PartQueryLayer, RegionUpsampling,
                      from_box, resolve_part_groups, to_box)
from ..losses import PoseTargets, layer_mean, normaliser
from .base import PoseRefiner

PIXEL_EMBEDDING_STRIDE = 4


@MODELS.register_module()
class PartQueryRefiner(PoseRefiner):
    """Looks at the region of each person with a query per body part.

    The region is pooled once from the stride-4 pixel embedding and shared by
    all stages (QueryPose pools again, because its boxes move). A stage adds to
    the human query's own pose what its part queries see: ``mu`` is relative to
    the pose it starts from, in units of the region.

    Args:
        part_groups: Keypoints of each part; see :func:`resolve_part_groups`.
        region_size: Side S of a pooled region; attention looks at twice as
            many places.
        region_scale: Size of the region relative to the box.
        region_channels: Channels of the convolutions on regions.
        num_convs: Convolutions before the upsampling.
        norm_cfg: Norm of the convolutions; there may be one region, so that
            batch norm has nothing to go by.
        chunk_size: Persons whose regions are in memory at a time. In training,
            the regions of more persons are computed again on the way back.
        loss_kpt: Config of the loss that wants ``mu`` and ``sigma``.

    Raises: InputError: If ``part_groups`` is no partition of the keypoints.
    """

    needs_pixel_embedding = True

    def __init__(self,
                 *,
                 part_groups: Optional[Sequence[Sequence[int]]] = None,
                 num_stages: int = 3,
                 region_size: int = 14,
                 region_scale: float = 1.25,
                 region_channels: int = 128,
                 num_convs: int = 2,
                 part_dims: int = 128,
                 feedforward_channels: int = 512,
                 norm_cfg: dict = dict(type='GN', num_groups=16),
                 chunk_size: int = 32,
                 loss_kpt: dict = dict(type='ResidualLogLikelihoodLoss'),
                 loss_oks: Optional[dict] = dict(
                     type='OKSLoss', loss_weight=2.0),
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.part_groups = resolve_part_groups(part_groups, self.num_keypoints)
        self.region_size = region_size
        self.region_scale = region_scale
        self.chunk_size = chunk_size
        channels = [self.embed_dims] + [region_channels] * num_convs
        self.convs = nn.Sequential(
            *(ConvModule(*widths, 3, padding=1, norm_cfg=norm_cfg)
              for widths in zip(channels, channels[1:])),
            RegionUpsampling(channels[-1], norm_cfg))
        self.part_query = nn.Embedding(len(self.part_groups), part_dims)
        self.layers = ModuleList(
            PartQueryLayer(
                len(self.part_groups),
                embed_dims=self.embed_dims,
                channels=channels[-1],
                part_dims=part_dims,
                feedforward_channels=feedforward_channels)
            for _ in range(num_stages))
        self.branches = ModuleList(
            PartPoseBranch(self.part_groups, part_dims)
            for _ in range(num_stages))
        self.loss_kpt = MODELS.build(loss_kpt)
        self.loss_oks = None
        if loss_oks is not None:
            self.loss_oks = MODELS.build({'sigmas': self.sigmas, **loss_oks})

    def init_weights(self) -> None:
        """Start from the pose as it is: ``mu`` is zero."""
        super().init_weights()
        for branch in self.branches:
            for linear in branch.mu_branches:
                nn.init.zeros_(linear.weight)
                nn.init.zeros_(linear.bias)

    def forward(self, poses: Tensor, queries: Tensor, boxes: Tensor,
                persons_per_image: List[int],
                encoded: EncodedImages) -> List[Dict[str, Tensor]]:
        """See :meth:`PoseRefiner.forward`.

        No gradient goes back into poses and boxes. Each step also has ``mu``
        and ``sigma``, relative to the region, (num_persons, K, 2), and
        ``regions``, xyxy in pixels of the input, (num_persons, 4).
        """
        if len(poses) == 0:
            # Nobody to refine; keep the parameters in the graph, and those
            # of the pixel embedding, which may have no other reader.
            zero = encoded.pixel_embedding[:0].sum() + sum(
                parameter.sum() for parameter in self.parameters()) * 0
            nothing = poses.detach() + zero
            return [
                dict(
                    keypoints=nothing,
                    keypoint_scores=nothing[..., 0],
                    mu=nothing,
                    sigma=nothing,
                    regions=boxes.detach()) for _ in self.layers
            ]
        sizes = encoded.image_sizes()[self.image_inds(persons_per_image,
                                                      poses.device)]
        poses = poses.detach().to(sizes.dtype)
        regions = self._regions(boxes.detach().to(sizes.dtype), sizes)
        start, _ = to_box(poses * sizes[:, None], regions)
        refined = []
        for mu, sigma in self._look(queries, regions, persons_per_image,
                                    encoded.pixel_embedding):
            mu = start + mu.to(start.dtype)
            sigma = sigma.to(start.dtype)
            refined.append(
                dict(
                    keypoints=from_box(mu, regions) / sizes[:, None],
                    keypoint_scores=1 - sigma.mean(-1),
                    mu=mu,
                    sigma=sigma,
                    regions=regions))
        return refined

    def _regions(self, boxes: Tensor, sizes: Tensor) -> Tensor:
        """Enlarged boxes, at least a pixel wide, xyxy in pixels."""
        boxes = boxes * sizes.repeat(1, 2)
        centres, extents = boxes.chunk(2, dim=-1)
        extents = (extents * self.region_scale).clamp(min=1)
        return bbox_cxcywh_to_xyxy(torch.cat([centres, extents], -1))

    def _look(self, queries: Tensor, regions: Tensor,
              persons_per_image: List[int],
              pixel_embedding: Tensor) -> List[Tuple[Tensor, Tensor]]:
        """``mu`` and ``sigma`` of each stage, a chunk of persons at a time."""
        chunks = []
        for feat, *persons in zip(
                pixel_embedding.split(1), queries.split(persons_per_image),
                regions.split(persons_per_image)):
            again = torch.is_grad_enabled() and (len(persons[0])
                                                 > self.chunk_size)
            for chunk in zip(*(rows.split(self.chunk_size)
                               for rows in persons)):
                if len(chunk[0]) == 0:
                    continue  # an image without persons
                chunks.append(
                    checkpoint(
                        self._stages, feat, *chunk, use_reentrant=False
                    ) if again else self._stages(feat, *chunk))
        # Stage after stage, each of all persons.
        return [
            tuple(torch.cat(rows) for rows in zip(*stage))
            for stage in zip(*chunks)
        ]

    def _stages(self, feat: Tensor, queries: Tensor,
                regions: Tensor) -> List[Tuple[Tensor, Tensor]]:
        """``mu`` and ``sigma`` of each stage, of persons of one image."""
        pooled = roi_align(feat, regions[None], self.region_size,
                           PIXEL_EMBEDDING_STRIDE)[0]
        pooled = self.convs(pooled)
        part_query = self.part_query.weight.expand(len(queries), -1, -1)
        stages = []
        for layer, branch in zip(self.layers, self.branches):
            part_query = layer(pooled, queries, part_query)
            stages.append(branch(part_query))
        return stages

    def loss(self, refined: List[Dict[str, Tensor]],
             targets: PoseTargets) -> Dict[str, Tensor]:
        """``d*.loss_rle_refine`` and ``d*.loss_oks_refine`` of the stages.

        A keypoint outside of the region is not learnt by its likelihood.
        """
        pred = {
            name: torch.stack([step[name] for step in refined])
            for name in ('keypoints', 'mu', 'sigma')
        }
        relative, inside = to_box(targets.keypoints, refined[0]['regions'])
        weight = targets.labelled * inside
        likelihood = self.loss_kpt(pred['mu'], pred['sigma'], relative,
                                   weight[..., None])
        losses = dict(
            loss_rle_refine=layer_mean(likelihood,
                                       normaliser(targets.labelled[None])))
        if self.loss_oks is not None:
            oks = self.loss_oks(pred['keypoints'] * targets.sizes[:, None],
                                targets.keypoints, targets.labelled,
                                targets.areas)
            losses['loss_oks_refine'] = layer_mean(
                oks, normaliser(targets.labelled.any(-1)[None]))
        return {
            f'd{step}.{name}': loss
            for name, steps in losses.items()
            for step, loss in enumerate(steps)
        }
