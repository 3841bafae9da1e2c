"""One stage of QueryPose after its box head: from regions to poses."""
from typing import NamedTuple, Optional, Sequence

from mmcv.cnn.bricks.transformer import FFN
from mmdet.models.layers import DynamicConv
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmhqnet.registry import MODELS

from ..layers import PartPoseBranch, PartQueryLayer, RegionUpsampling


class PartPoses(NamedTuple):
    """What a stage says about the poses of some persons.

    Attributes:
        query (Tensor): Queries of the persons, (num_persons, dim).
        part_query (Tensor): (num_persons, P, part_dims).
        mu (Tensor): Keypoints relative to the centre and size of the box,
            (num_persons, K, 2).
        sigma (Tensor): Their standard deviations, (num_persons, K, 2).
    """
    query: Tensor
    part_query: Tensor
    mu: Tensor
    sigma: Tensor


class PersonInteraction(BaseModule):
    """The query of a person meets its region (full version only)."""

    def __init__(self, embed_dims: int, region_size: int,
                 feedforward_channels: int) -> None:
        super().__init__()
        self.dynamic_conv = DynamicConv(
            embed_dims, out_channels=embed_dims, input_feat_shape=region_size)
        self.dynamic_conv_norm = nn.LayerNorm(embed_dims)
        self.ffn = FFN(embed_dims, feedforward_channels)
        self.ffn_norm = nn.LayerNorm(embed_dims)

    def forward(self, query: Tensor, regions: Tensor) -> Tensor:
        """Update queries (num_persons, dim) by (num_persons, dim, S, S)."""
        query = query + self.dynamic_conv(query, regions)
        return self.ffn_norm(self.ffn(self.dynamic_conv_norm(query)))


@MODELS.register_module()
class QueryPoseLayer(BaseModule):
    """Convolutions, the person's query, part queries, keypoints.

    Args:
        region_size: Side S of a region.
        conv_channels: Outputs of the convolutions.
        norm_cfg: Norm of the upsampling. Batch norm takes its statistics over
            all queries of the batch, as in the release.
        interact: Whether the query meets the region and goes on to the next
            stage (full version), or stays as it is (light).
    """

    def __init__(self,
                 part_groups: Sequence[Sequence[int]],
                 embed_dims: int = 256,
                 region_size: int = 14,
                 conv_channels: Sequence[int] = (512, ) * 5 + (256, ),
                 part_dims: int = 128,
                 feedforward_channels: int = 2048,
                 norm_cfg: dict = dict(type='BN'),
                 interact: bool = True) -> None:
        super().__init__()
        channels = [embed_dims, *conv_channels]
        self.convs = nn.Sequential(
            *(module for widths in zip(channels, channels[1:])
              for module in (nn.Conv2d(*widths, 3, padding=1),
                             nn.ReLU(inplace=True))))
        self.interaction: Optional[PersonInteraction] = None
        if interact:
            self.interaction = PersonInteraction(embed_dims, region_size,
                                                 feedforward_channels)
        self.upsampling = RegionUpsampling(channels[-1], norm_cfg)
        self.parts = PartQueryLayer(
            len(part_groups),
            embed_dims=embed_dims,
            channels=channels[-1],
            part_dims=part_dims,
            feedforward_channels=feedforward_channels)
        self.pose = PartPoseBranch(part_groups, part_dims)
        # NOTE the release has this layer and computes nothing with it; it
        # stays, and never learns, so that checkpoints convert one to one.
        self.unused_fc = nn.Linear(part_dims, part_dims, bias=False)
        self.unused_norm = nn.LayerNorm(part_dims)
        self.unused_fc.requires_grad_(False)
        self.unused_norm.requires_grad_(False)

    def init_weights(self) -> None:
        """Xavier for all matrices, zero for biases that start special."""
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        embedding = self.parts.embedding
        for module in (*self.convs, embedding.attention, embedding.projection):
            if getattr(module, 'bias', None) is not None:
                nn.init.zeros_(module.bias)

    @property
    def is_independent(self) -> bool:
        """Whether what a query learns does not depend on other queries."""
        norm = self.upsampling.norm
        return self.interaction is None and not (isinstance(
            norm, nn.modules.batchnorm._BatchNorm) and norm.training)

    def forward(self, regions: Tensor, query: Tensor,
                part_query: Tensor) -> PartPoses:
        """Poses of some persons, and the queries for the next stage.

        Args:
            regions: (num_persons, dim, S, S).
            query: (num_persons, dim).
            part_query: Of the stage before, (num_persons, P, part_dims).
        """
        regions = self.convs(regions)
        if self.interaction is not None:
            query = self.interaction(query, regions)
        part_query = self.parts(self.upsampling(regions), query, part_query)
        mu, sigma = self.pose(part_query)
        return PartPoses(query, part_query, mu, sigma)
