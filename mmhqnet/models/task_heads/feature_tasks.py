"""Attribute heads that read other features than human queries."""
from typing import Dict, Mapping, Sequence

import torch
from mmengine.model import ModuleDict
from mmengine.structures import InstanceData
from torch import Tensor

from ..matching import Assignment
from .building import build_attribute_heads


class FeatureTasks(ModuleDict):
    """Attribute heads on one feature vector of each of n known persons.

    What baselines say of a person with the losses and predictions of HQNet.

    Args:
        heads: Configs of :class:`AttributeHead` by name.
        where: Config key of all of them, for errors.
        embed_dims: Length C of a feature vector.

    Raises: InputError: See :func:`build_attribute_heads`.
    """

    def __init__(self, heads: Mapping[str, dict], where: str,
                 embed_dims: int) -> None:
        super().__init__(
            build_attribute_heads(
                heads, where, embed_dims=embed_dims, num_pred_layers=1))

    def loss(self, features: Tensor,
             persons: Sequence[InstanceData]) -> Dict[str, Tensor]:
        """Scalar losses; features (n, C) and persons image after image."""
        inds = torch.arange(len(features), device=features.device)[None]
        each_its_own = Assignment(inds, inds, [len(p) for p in persons])
        losses = {}
        for head in self.values():
            outputs = {  # of one layer and one long row of queries
                name: output[None]
                for name, output in head(features[None], None, 0).items()
            }
            targets = [head.prepare_targets(p, None) for p in persons]
            values = head.loss(outputs, targets, each_its_own, None)
            losses.update({name: loss.sum() for name, loss in values.items()})
        return losses

    def predict(self, features: Tensor) -> Dict[str, Tensor]:
        """Columns of ``pred_instances``, (n, ...) each; features (n, C)."""
        columns = {}
        for head in self.values():
            decoded = head.decode(head(features[None], None, 0), {}, None)
            columns.update({name: row[0] for name, row in decoded.items()})
        return columns
