"""The way of an image through the network: what differs from DINO."""
import copy
from typing import Dict, List, Optional, Tuple

import torch
from mmdet.models.detectors import DINO
from mmdet.models.layers import SinePositionalEncoding
from mmdet.models.necks import ChannelMapper
from mmdet.structures import OptSampleList
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from ..encoded_images import EncodedImages
from ..layers import DenoisingQueryGenerator, HQNetDecoder, HQNetEncoder


@MODELS.register_module()
class HQNet(DINO):
    """You Only Learn One Query (arXiv 2312.05525).

    DINO whose refined content queries, the human queries, are read by a set
    of light task heads. In addition to DINO, the neck's stride-4 map meets
    the encoder's memory in a pixel embedding, from which dense tasks read.

    Args:
        dn_cfg: Config of the denoising queries.
        pixel_embedding: Config of the pixel embedding; it is built if any task
            reads it.

    Raises: InputError: If a task reads the pixel embedding and there is none.
    """

    def __init__(self,
                 *args,
                 dn_cfg: dict = dict(group_cfg=dict(num_dn_queries=100)),
                 pixel_embedding: Optional[dict] = dict(type='PixelEmbedding'),
                 **kwargs) -> None:
        # NOTE mmdet's detectors write into their configs, which would make a
        # config good for one model only.
        super().__init__(
            *copy.deepcopy(args),
            dn_cfg=copy.deepcopy(dn_cfg),
            **copy.deepcopy(kwargs))
        self.dn_query_generator = DenoisingQueryGenerator(
            num_classes=self.bbox_head.num_classes,
            embed_dims=self.embed_dims,
            num_matching_queries=self.num_queries,
            **dn_cfg)
        self.pixel_embedding = None
        if self.bbox_head.needs_pixel_embedding:
            if pixel_embedding is None:
                raise InputError(
                    'model.pixel_embedding is None, but a task of '
                    'model.bbox_head.task_heads reads it; configure it or '
                    'switch the task off')
            self.pixel_embedding = MODELS.build(
                dict(embed_dims=self.embed_dims, **pixel_embedding))

    def _init_layers(self) -> None:
        """Build the transformer from our layers; see mmdet's ``DINO``."""
        self.positional_encoding = SinePositionalEncoding(
            **self.positional_encoding)
        self.encoder = HQNetEncoder(**self.encoder)
        self.decoder = HQNetDecoder(**self.decoder)
        self.embed_dims = self.encoder.embed_dims
        self.query_embedding = nn.Embedding(self.num_queries, self.embed_dims)
        self.level_embed = nn.Parameter(
            torch.empty(self.num_feature_levels, self.embed_dims))
        self.memory_trans_fc = nn.Linear(self.embed_dims, self.embed_dims)
        self.memory_trans_norm = nn.LayerNorm(self.embed_dims)

    def init_weights(self) -> None:
        """Initialise as DINO, but the content queries from N(0, 1)."""
        super().init_weights()
        nn.init.normal_(self.query_embedding.weight)

    def extract_feat(self, batch_inputs: Tensor) -> Tuple[Tensor]:
        """Maps of the neck, of images (bs, 3, H, W).

        Raises: InputError: The neck is made for other maps.
        """
        maps = self.backbone(batch_inputs)
        if isinstance(self.neck, ChannelMapper):
            given = [feat.shape[1] for feat in maps]
            taken = [conv.conv.in_channels for conv in self.neck.convs]
            if given != taken:
                raise InputError(
                    f'model.neck.in_channels is {taken}, but model.backbone '
                    f'gives maps of {given} channels; make them equal')
        return self.neck(maps)

    def forward_transformer(self,
                            img_feats: Tuple[Tensor],
                            batch_data_samples: OptSampleList = None) -> Dict:
        """Encode the image, select proposals, decode the human queries.

        Args:
            img_feats: Maps of the neck, strides 4, 8, 16, 32, 64; the first
                may be missing if no task reads the pixel embedding.

        Returns: Inputs of the head.

        Raises: InputError: If the neck gives no map for the pixel embedding.
        """
        if self.pixel_embedding is not None:
            self._check_number_of_maps(len(img_feats))
        self._check_strides(img_feats, batch_data_samples)
        encoder_inputs, decoder_inputs = self.pre_transformer(
            img_feats[-self.num_feature_levels:], batch_data_samples)
        encoder_outputs = self.forward_encoder(**encoder_inputs)
        # NOTE compared with DINO, the head also gets the encoded images.
        memory = encoder_outputs['memory']
        encoded = EncodedImages(
            memory=memory,
            memory_mask=encoder_inputs['feat_mask'],
            memory_pos=encoder_inputs['feat_pos'],
            spatial_shapes=encoder_inputs['spatial_shapes'],
            level_start_index=encoder_inputs['level_start_index'],
            valid_ratios=encoder_inputs['valid_ratios'],
            pixel_embedding=self.embed_pixels(
                img_feats[0], memory, encoder_inputs['spatial_shapes'][0]),
            img_metas=[sample.metainfo for sample in batch_data_samples])

        query_inputs, head_inputs = self.pre_decoder(
            **encoder_outputs, batch_data_samples=batch_data_samples)
        decoder_inputs.update(query_inputs)
        head_inputs.update(self.forward_decoder(**decoder_inputs))
        return dict(head_inputs, encoded=encoded)

    def _check_number_of_maps(self, number: int) -> None:
        """Refuse a DINO neck, whose first map has stride 8, not 4."""
        expected = self.num_feature_levels + 1
        if number != expected:
            raise InputError(
                f'model.neck gives {number} maps, but there must be {expected}'
                f': that of stride 4 for the pixel embedding, and '
                f'{self.num_feature_levels} for the encoder')

    def _check_strides(self, maps: Tuple[Tensor],
                       batch_data_samples: OptSampleList) -> None:
        """Refuse maps of other sizes than those of strides ..., 32, 64."""
        height = batch_data_samples[0].batch_input_shape[0]
        last = 2**(2 + self.num_feature_levels)
        for number, feat in enumerate(reversed(maps)):
            stride, rows = last >> number, feat.shape[-2]
            # A backbone may round its last maps up or down.
            if abs(rows - height / stride) > 4:
                raise InputError(
                    f'model.neck: map {len(maps) - 1 - number} has the stride '
                    f'{height / rows:.0f}, but it must be {stride}; check '
                    'out_indices and strides of model.backbone')

    def pre_transformer(
            self,
            mlvl_feats: Tuple[Tensor],
            batch_data_samples: OptSampleList = None) -> Tuple[Dict, Dict]:
        """As mmdet's, with the spatial shapes as Python ints.

        Shapes that live on a device would make it wait in every layer.
        """
        inputs = super().pre_transformer(mlvl_feats, batch_data_samples)
        shapes = [tuple(feat.shape[-2:]) for feat in mlvl_feats]
        for coder_inputs in inputs:
            coder_inputs['spatial_shapes'] = shapes
        return inputs

    def embed_pixels(self, feat: Tensor, memory: Tensor,
                     shape: Tuple[int, int]) -> Optional[Tensor]:
        """The pixel embedding (bs, dim, H/4, W/4) if any task reads it.

        Args:
            feat: Stride-4 map of the neck, (bs, dim, H/4, W/4).
            memory: Encoder output, (bs, num_tokens, dim).
            shape: (h, w) of the stride-8 level.
        """
        if self.pixel_embedding is None:
            return None
        stride8 = memory[:, :shape[0] * shape[1]]
        return self.pixel_embedding(
            feat,
            stride8.transpose(1, 2).unflatten(2, shape))

    def gen_encoder_output_proposals(
            self, memory: Tensor, memory_mask: Optional[Tensor],
            spatial_shapes: List[Tuple[int, int]]) -> Tuple[Tensor, Tensor]:
        """Give every token of :class:`EncodedImages` a box at its place.

        NOTE as mmdet's, without its waits for the device.

        Returns:
            Transformed memory, (bs, num_tokens, dim), and the boxes as logits
            of normalised cxcywh, (bs, num_tokens, 4); infinite, and the memory
            zero, at padding and at the border.
        """
        proposals, start = [], 0
        for level, (height, width) in enumerate(spatial_shapes):
            # The middle of each cell, (h, w, 2), over the size without
            # padding, (bs, 2), gives (bs, h * w, 2).
            y, x = (
                torch.arange(size, dtype=torch.float32, device=memory.device)
                for size in (height, width))
            centres = torch.stack(
                torch.meshgrid(x + 0.5, y + 0.5, indexing='xy'), -1)
            if memory_mask is None:
                valid = memory.new_ones(1, height, width, dtype=torch.bool)
            else:
                valid = ~memory_mask[:, start:start + height * width]
                valid = valid.unflatten(1, (height, width))
            valid_size = torch.stack(
                [valid[:, 0].sum(1), valid[:, :, 0].sum(1)], -1)
            centres = (centres / valid_size[:, None, None]).expand(
                len(memory), -1, -1, -1).flatten(1, 2)
            sizes = torch.full_like(centres, 0.05 * 2**level)
            proposals.append(torch.cat([centres, sizes], -1))
            start += height * width
        proposals = torch.cat(proposals, 1)
        valid = ((proposals > 0.01) & (proposals < 0.99)).all(-1, keepdim=True)
        if memory_mask is not None:
            valid = valid & ~memory_mask[..., None]
        # NOTE the logits are float32, as mmdet's, but correctly rounded:
        # a vectorised float32 logarithm differs from machine to machine.
        odds = (proposals / (1 - proposals)).double()
        proposals = odds.log().float().masked_fill(~valid, float('inf'))
        memory = memory.masked_fill(~valid, 0.0)
        return self.memory_trans_norm(self.memory_trans_fc(memory)), proposals

    def pre_decoder(
        self,
        memory: Tensor,
        memory_mask: Optional[Tensor],
        spatial_shapes: List[Tuple[int, int]],
        batch_data_samples: OptSampleList = None,
    ) -> Tuple[Dict, Dict]:
        """Select proposals (mixed query selection, method 1.5).

        NOTE DINO applies the box branch to all tokens; here the best tokens
        are selected first, and only they meet the other branches.

        Args: See :class:`EncodedImages`.
        Returns: Inputs of the decoder and of the head.
        """
        head = self.bbox_head
        layer = head.proposals_layer
        tokens, proposals = self.gen_encoder_output_proposals(
            memory, memory_mask, spatial_shapes)
        scores = head.cls_branches[layer](tokens).max(-1).values
        # A small image has fewer tokens, and uses fewer queries.
        num_queries = min(self.num_queries, scores.shape[1])
        # Indices, and then the tokens and proposals, (bs, num_queries, ...).
        selected = scores.topk(num_queries, dim=1).indices[..., None]
        tokens = tokens.gather(1, selected.expand(-1, -1, tokens.shape[-1]))
        proposals = proposals.gather(1, selected.expand(-1, -1, 4))
        if self.training:
            enc_outputs = head.forward_layer(tokens, proposals, layer)
        else:
            enc_outputs = dict(box=head.forward_box(tokens, proposals, layer))
        references = enc_outputs['box']['bboxes'].detach()

        query = self.query_embedding.weight[:num_queries].expand(
            len(memory), -1, -1)
        if not self.training:
            return dict(
                query=query, memory=memory, reference_points=references), {}
        dn_query, dn_bbox_query, dn_mask, dn_meta = self.dn_query_generator(
            batch_data_samples)
        query = torch.cat([dn_query, query], dim=1)
        num_total = query.shape[1]
        decoder_inputs = dict(
            query=query,
            memory=memory,
            reference_points=torch.cat([dn_bbox_query.sigmoid(), references],
                                       dim=1),
            dn_mask=dn_mask[:num_total, :num_total])
        return decoder_inputs, dict(enc_outputs=enc_outputs, dn_meta=dn_meta)
