"""An encoder that costs little: attention where maps are small."""
from typing import Sequence, Tuple

from mmcv.cnn import ConvModule
from mmdet.models.layers import (DetrTransformerEncoderLayer,
                                 SinePositionalEncoding)
from mmdet.models.necks import CSPNeXtPAFPN
from mmengine.model import BaseModule, ModuleList, xavier_init
from torch import Tensor, nn

from mmhqnet.registry import MODELS


@MODELS.register_module()
class HybridEncoder(BaseModule):
    """Encode the image with convolutions, and attention on the coarsest map.

    Takes the place of the deformable encoder (``encoder.num_layers=0``). The
    tokens of the coarsest map attend to each other, then all maps are joined
    top-down and bottom-up. The finest map, which dense tasks read, passes
    unchanged.

    Source: RT-DETR (arXiv 2304.08069, sec. 4.2), with RTMDet's path
    aggregation for its fusion.

    Args:
        in_channels: Channels of the backbone's maps, finest first.
        num_csp_blocks: Blocks of each fusion.
        norm_cfg: Normalisation of the convolutions; that of groups works with
            any number of images in a batch.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 128,
        *,
        num_csp_blocks: int = 1,
        num_heads: int = 8,
        feedforward_channels: int = 512,
        norm_cfg: dict = dict(type='GN', num_groups=8)
    ) -> None:
        super().__init__()
        self.projections = ModuleList(
            ConvModule(
                channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
            for channels in in_channels[1:])
        self.positional_encoding = SinePositionalEncoding(
            num_feats=out_channels // 2, normalize=True)
        # NOTE mmcv's default dropout is whatever was asked for before.
        no_dropout = dict(type='Dropout', drop_prob=0.0)
        self.attention = DetrTransformerEncoderLayer(
            self_attn_cfg=dict(
                embed_dims=out_channels,
                num_heads=num_heads,
                dropout_layer=no_dropout),
            ffn_cfg=dict(
                embed_dims=out_channels,
                feedforward_channels=feedforward_channels))
        self.fusion = CSPNeXtPAFPN(
            [out_channels] * len(self.projections),
            out_channels,
            num_csp_blocks=num_csp_blocks,
            norm_cfg=norm_cfg)

    def init_weights(self) -> None:
        """Xavier for the attention, as for the transformer."""
        super().init_weights()
        for module in self.attention.modules():
            if isinstance(module, nn.Linear):
                xavier_init(module, distribution='uniform')

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """Encode all maps but the finest.

        From (bs, C_i, H_i, W_i), each half the size of the one before, to the
        first as it is and the others as (bs, out_channels, H_i, W_i).
        """
        finest, *maps = maps
        maps = [project(feat) for project, feat in zip(self.projections, maps)]
        maps[-1] = self._attend(maps[-1])
        return (finest, *self.fusion(tuple(maps)))

    def _attend(self, feat: Tensor) -> Tensor:
        """Let all places of a map see each other, (bs, C, H, W)."""
        position = self.positional_encoding(None, input=feat)
        tokens, position = (
            x.flatten(2).transpose(1, 2) for x in (feat, position))
        tokens = self.attention(
            tokens, query_pos=position, key_padding_mask=None)
        return tokens.transpose(1, 2).reshape(feat.shape)
