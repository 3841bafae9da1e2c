from typing import Dict, List, Sequence

import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.models.encoded_images import EncodedImages
from mmhqnet.models.layers import build_mlp
from mmhqnet.models.losses import layer_mean, normaliser
from mmhqnet.models.matching import Assignment
from mmhqnet.models.task_heads import TaskHead, to_pixels
from mmhqnet.registry import MODELS


@MODELS.register_module()
class FeetHead(TaskHead):
    """Two points on the ground, relative to the shared box reference.

    Args:
        loss_weight: Weight of the L1 distance, in shares of the image.
    """

    def __init__(self, *, loss_weight: float = 20.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.loss_weight = loss_weight
        self.branches = self.build_branches(
            lambda: build_mlp(self.embed_dims, self.embed_dims, 4, 1))

    def init_weights(self) -> None:
        """Feet begin in the middle of the box's lower edge."""
        super().init_weights()
        for branch in self.branches:
            nn.init.zeros_(branch[-1].weight)
            with torch.no_grad():
                branch[-1].bias.copy_(torch.tensor([0, .5, 0, .5]))

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """``points`` (bs, num_queries, 2, 2), in shares of the image."""
        center, size = reference.sigmoid().unflatten(-1, (2, 1, 2)).unbind(-3)
        offsets = self.branches[layer](query).unflatten(-1, (2, 2))
        return dict(points=center + size * offsets)

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> Tensor:
        """x, y in shares of the image and whether labelled, (num_gts, 2, 3).
        """
        points = gt_instances.feet / encoded.image_sizes()[:, None]
        seen = gt_instances.feet_visible[..., None] > 0
        return torch.cat([points, seen.to(points)], -1)

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[Tensor],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """``loss_feet``: mean distance of the labelled feet."""
        points = assignment.queries(outputs['points'])  # (layers, pairs, 2, 2)
        target, seen = assignment.persons(targets).split((2, 1), -1)
        loss = self.loss_weight * (points - target).abs() * seen
        return dict(loss_feet=layer_mean(loss, normaliser(seen)))

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``feet`` (bs, n, 2, 2), in shares of the image."""
        return dict(feet=outputs['points'])

    def pack(self, decoded: Dict[str, Tensor], scores: Tensor,
             img_metas: List[dict], rescale: bool) -> List[Dict[str, Tensor]]:
        """``feet`` (n, 2, 2), in pixels."""
        feet = to_pixels(decoded['feet'], img_metas, rescale)
        return [dict(feet=points) for points in feet]
