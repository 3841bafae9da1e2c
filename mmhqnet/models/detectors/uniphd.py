"""The way of an image and a prompt through UniPHD."""
import copy
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmdet.models.detectors import DeformableDETR
from mmdet.models.layers import SinePositionalEncoding
from mmdet.structures import OptSampleList, SampleList
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS
from mmhqnet.structures import Point, Scribble, Text

from ..heads.ref_pose_mask_head import DrawingBoard
from ..layers import (HQNetEncoder, PoseCentricDecoder, init_transformer,
                      mask_features)
from ..prompt_encoders import PromptTokens, in_order_of_images, untouched

Prompt = Dict[str, Union[str, Tensor]]
KINDS = ('text', 'point', 'scribble')


@MODELS.register_module()
class UniPHD(DeformableDETR):
    """Pose and mask of the one person that a prompt means.

    A two-stage deformable DETR whose maps listen to the prompt, and whose
    queries are groups: the prompt's sentence as instance token, and a token
    per joint. RefHuman, NeurIPS 2024; docs/uniphd.md.

    Args:
        backbone: Gives maps of the strides 4, 8, 16 and 32.
        num_queries: Number of query groups.
        prompt_encoder: Config of the :class:`PromptEncoder`.
        fusion: Config of the :class:`PromptFusion`.
        text_encoder: Config of a text encoder; without one, text comes as
            features, see :meth:`decode`.
    """

    def __init__(self,
                 *args,
                 prompt_encoder: dict = dict(type='PromptEncoder'),
                 fusion: dict = dict(type='PromptFusion'),
                 text_encoder: Optional[dict] = None,
                 **kwargs) -> None:
        # NOTE mmdet's detectors write into their configs.
        super().__init__(
            *copy.deepcopy(args),
            with_box_refine=True,
            as_two_stage=True,
            **copy.deepcopy(kwargs))
        self.prompt_encoder = MODELS.build(prompt_encoder)
        self.fusion = MODELS.build(fusion)
        self.text_encoder = text_encoder and MODELS.build(text_encoder)

    def _init_layers(self) -> None:
        self.positional_encoding = SinePositionalEncoding(
            **self.positional_encoding)
        self.encoder = HQNetEncoder(**self.encoder)
        self.decoder = PoseCentricDecoder(**self.decoder)
        self.embed_dims = self.encoder.embed_dims
        self.level_embed = nn.Parameter(
            torch.empty(self.num_feature_levels, self.embed_dims))
        self.memory_trans_fc = nn.Linear(self.embed_dims, self.embed_dims)
        self.memory_trans_norm = nn.LayerNorm(self.embed_dims)
        self.keypoint_embedding = nn.Embedding(self.bbox_head.num_keypoints,
                                               self.embed_dims)

    def init_weights(self) -> None:
        """Initialise as deformable DETR."""
        super(DeformableDETR, self).init_weights()
        for part in (self.encoder, self.decoder, self.fusion):
            init_transformer(part)
        self.fusion.start_alike()
        for layer in self.decoder.layers:
            nn.init.constant_(layer.within_attn.adjacency, 1e-8)
        nn.init.xavier_uniform_(self.memory_trans_fc.weight)
        nn.init.normal_(self.level_embed)

    def extract_feat(self, batch_inputs: Tensor) -> Tuple[Tensor]:
        """Maps of the backbone, strides 4, 8, 16, 32; the neck comes later."""
        return self.backbone(batch_inputs)

    def decode(self, feats: Sequence[Tensor], prompt: Prompt,
               batch_data_samples: SampleList) -> List[Dict[str, Tensor]]:
        """From maps and a prompt per image to the outputs of all layers.

        Args:
            feats: Maps of the backbone, strides 4 to 32, (bs, c, h, w).
            prompt: ``kind`` 'text' with ``words`` (bs, length, c),
                ``sentence`` (bs, c) and ``pad_mask`` (bs, length), True at
                padded words; or 'point' or 'scribble' with ``points`` (bs,
                length, 2), x and y in pixels of the input.
            batch_data_samples: Sizes of the images.

        Returns:
            For each layer what :meth:`RefPoseMaskHead.forward_layer` gives,
            each (bs, num_queries, ...); for the last one also ``masks`` (bs,
            num_queries, H, W), logits of the whole canvas.
        """
        images = list(range(len(batch_data_samples)))
        inputs = self.forward_transformer(feats, batch_data_samples,
                                          [dict(prompt, images=images)])
        hidden, references = inputs['hidden_states'], inputs['references']
        layers = self.bbox_head(hidden, references)
        layers[-1]['masks'] = self.bbox_head.masks(hidden[-1], references[-1],
                                                   inputs['board'])
        return layers

    def forward_transformer(
            self,
            img_feats: Sequence[Tensor],
            batch_data_samples: OptSampleList = None,
            prompts: Optional[Sequence[Prompt]] = None) -> Dict:
        """Fuse, encode, select groups and decode them.

        Args:
            img_feats: Maps of the backbone.
            prompts: As :meth:`decode` takes them, one per family, with the
                indices of their ``images``; by default those of the samples.

        Returns: Inputs of the head.

        Raises:
            InputError: If the canvas does not fit the masks, or a prompt is
                none that the model reads.
        """
        canvas = batch_data_samples[0].batch_input_shape
        if canvas[0] % 16 or canvas[1] % 16:
            raise InputError(f'the input has {canvas} pixels, but masks need '
                             'multiples of 16: set model.data_preprocessor.'
                             'pad_size_divisor to 16')
        if prompts is None:
            prompts = self.read_prompts(batch_data_samples)
        tokens = self._encode_prompts(img_feats[2], batch_data_samples,
                                      prompts)
        maps = self.neck(img_feats[1:])
        places = [
            self._image_encoding(level, batch_data_samples) for level in maps
        ] if self.fusion.selective else None
        maps = self.fusion(maps, tokens, places)
        encoder_inputs, decoder_inputs = self.pre_transformer(
            maps, batch_data_samples)
        encoded = self.forward_encoder(**encoder_inputs)
        sentence = in_order_of_images([(prompt.images, prompt.sentence)
                                       for prompt in tokens])
        if self.training:
            sentence = sentence + self._untouched_parts(tokens)
        query_inputs, head_inputs = self.pre_decoder(
            **encoded, sentence=sentence)
        hidden_states, references = self.decoder(
            **query_inputs,
            key_padding_mask=encoded['memory_mask'],
            value=encoded['memory'],
            spatial_shapes=encoder_inputs['spatial_shapes'],
            valid_ratios=encoder_inputs['valid_ratios'],
            kpt_branches=self.bbox_head.kpt_branches)
        sizes = [sample.img_shape[1::-1] for sample in batch_data_samples]
        board = DrawingBoard(
            features=mask_features(encoded['memory'],
                                   encoder_inputs['spatial_shapes']),
            feat4=img_feats[0],
            feat8=img_feats[1],
            sizes=self.level_embed.new_tensor(sizes))
        return dict(
            head_inputs,
            hidden_states=hidden_states,
            references=references,
            board=board)

    def read_prompts(self, batch_data_samples: SampleList) -> List[Prompt]:
        """Bring the samples' prompts into the form of :meth:`decode`.

        Returns:
            At most one of words and one of points, each with the indices of
            its ``images``.

        Raises: InputError: If a ``prompt`` is none; see :meth:`check_prompt`.
        """
        texts, points = {}, {}
        for image, sample in enumerate(batch_data_samples):
            prompt = sample.get('prompt')
            self.check_prompt(prompt, sample.get('img_path', image))
            if isinstance(prompt, Text):
                texts[image] = prompt.caption
            else:
                points[image] = self.level_embed.new_tensor(prompt.points)
        prompts = []
        if texts:
            words, sentence, pad_mask = self.text_encoder(list(texts.values()))
            prompts.append(
                dict(
                    kind='text',
                    images=list(texts),
                    words=words,
                    sentence=sentence,
                    pad_mask=pad_mask))
        if points:
            lengths = torch.tensor([len(p) for p in points.values()])
            padded = pad_sequence(list(points.values()), batch_first=True)
            pad_mask = torch.arange(padded.shape[1]) >= lengths[:, None]
            prompts.append(
                dict(
                    kind='scribble',
                    images=list(points),
                    points=padded,
                    pad_mask=pad_mask.to(padded.device)))
        return prompts

    def check_prompt(self, prompt: object, image: object) -> None:
        """Refuse what is no prompt for this model.

        Args:
            prompt: What is said to be one.
            image: Its name, for the message.

        Raises:
            InputError: If it is no ``Text``, ``Point`` or ``Scribble``, or a
                text and the model has no text encoder.
        """
        if not isinstance(prompt, (Text, Point, Scribble)):
            raise InputError(f'image {image}: UniPHD needs a Text, Point or '
                             f'Scribble as prompt, got {prompt!r}')
        if isinstance(prompt, Text) and self.text_encoder is None:
            raise InputError('model.text_encoder is None: this model takes '
                             'points and scribbles, not text')

    def _encode_prompts(self, feat16: Tensor, batch_data_samples: SampleList,
                        prompts: Sequence[Prompt]) -> List[PromptTokens]:
        """Tokens of all prompts."""
        tokens = []
        for prompt in prompts:
            images = prompt['images']
            if prompt['kind'] not in KINDS:
                raise InputError('UniPHD knows no prompts of the kind '
                                 f'{prompt["kind"]!r}; use one of '
                                 f'{", ".join(KINDS)}')
            if prompt['kind'] == 'text':
                tokens.append(
                    self.prompt_encoder.encode_text(images, prompt['words'],
                                                    prompt['sentence'],
                                                    prompt['pad_mask']))
                continue
            points = prompt['points']
            pad_mask = prompt.get('pad_mask')
            if pad_mask is None:
                pad_mask = points.new_zeros(points.shape[:2], dtype=torch.bool)
            encoding = self._image_encoding(feat16, batch_data_samples)
            tokens.append(
                self.prompt_encoder.encode_points(
                    images, points, pad_mask, feat16[images], encoding[images],
                    batch_data_samples[0].batch_input_shape))
        return tokens

    def _untouched_parts(self, prompts: Sequence[PromptTokens]) -> Tensor:
        """Zero with zero gradients for the parts no prompt has passed."""
        families = {prompt.family for prompt in prompts}
        zero = self.level_embed.new_zeros(())
        if 'text' not in families and self.text_encoder is not None:
            zero = zero + untouched(self.text_encoder, zero)
        for family, part in self.prompt_encoder.parts():
            if family not in families:
                zero = zero + untouched(part, zero)
        return zero

    def _image_encoding(self, feat: Tensor, samples: SampleList) -> Tensor:
        """Positional encoding of a map's valid part, (bs, dim, h, w)."""
        mask = feat.new_ones(len(feat), 1, *samples[0].batch_input_shape)
        for padding, sample in zip(mask, samples):
            padding[:, :sample.img_shape[0], :sample.img_shape[1]] = 0
        mask = F.interpolate(mask, feat.shape[-2:])[:, 0]
        return self.positional_encoding(mask.bool())

    def pre_decoder(self, memory: Tensor, memory_mask: Optional[Tensor],
                    spatial_shapes: Sequence[Tuple[int, int]],
                    sentence: Tensor) -> Tuple[Dict, Dict]:
        """Select tokens that may be the person and make groups of them.

        NOTE the release may also select tokens of the padding and of the
        border, which all have one score; here they come last.

        Args:
            memory, memory_mask, spatial_shapes: See :class:`EncodedImages`.
            sentence: What each prompt says, (bs, dim).

        Returns: Inputs of the decoder and of the head.
        """
        tokens, proposals = self.gen_encoder_output_proposals(
            memory, memory_mask, spatial_shapes)
        logits = self.bbox_head.enc_cls_branch(tokens)
        scores = logits.max(-1).values.masked_fill(proposals.isinf().any(-1),
                                                   -torch.inf)
        number = min(self.num_queries, scores.shape[1])  # of small images
        selected = scores.topk(number, 1).indices[..., None]

        def pick(rows: Tensor) -> Tensor:
            return rows.gather(1, selected.expand(-1, -1, rows.shape[-1]))

        references = self.bbox_head.propose(
            pick(tokens),
            pick(proposals)[..., :2].to(tokens))
        # The sentence, then the joints: (bs, num_queries, K + 1, dim).
        joints = pick(tokens).detach()[:, :, None] + (
            self.keypoint_embedding.weight)
        instance = sentence[:, None, None].expand(-1, number, -1, -1)
        return dict(
            query=torch.cat([instance, joints], 2),
            reference_points=references.detach()), dict(
                enc_outputs=dict(
                    cls_scores=pick(logits), keypoints=references[:, :, 1:]))

    def pre_transformer(
            self,
            mlvl_feats: Tuple[Tensor],
            batch_data_samples: OptSampleList = None) -> Tuple[Dict, Dict]:
        """As mmdet's, with the spatial shapes as Python ints."""
        inputs = super().pre_transformer(mlvl_feats, batch_data_samples)
        shapes = [tuple(feat.shape[-2:]) for feat in mlvl_feats]
        for coder_inputs in inputs:
            coder_inputs['spatial_shapes'] = shapes
        return inputs
