"""The released UniPHD as ours.

Released names become ours by rules; whether all weights are there, and of the
right shape, is checked against our own modules.
"""
import re
from typing import Dict, Tuple

import torch
from torch import Tensor, nn

from .reading import check_layout, weights_of

BACKBONE = 'backbone.0.'


def _even(match: re.Match) -> str:
    """Layer i of a multi-layer perceptron is module 2 i of ours."""
    return f'{2 * int(match[1])}.'


# (released, ours), applied in this order.
RULES = (
    # The decoder holds copies of the branches.
    (r'^transformer\.decoder\.(pose|class|bbox)_embed', r'\1_embed'),
    (r'^transformer\.decoder\.half_pose_ref_point_head\.layers\.',
     'decoder.ref_point_head.'),
    (r'^transformer\.enc_output\.', 'memory_trans_fc.'),
    (r'^transformer\.enc_output_norm\.', 'memory_trans_norm.'),
    (r'^transformer\.enc_pose_embed\.layers\.', 'bbox_head.enc_kpt_branch.'),
    (r'^transformer\.enc_out_class_embed', 'bbox_head.enc_cls_branch'),
    (r'^transformer\.', ''),
    # Layers of encoder and decoder.
    (r'^(encoder\.layers\.\d+)\.linear1\.', r'\1.ffn.layers.0.0.'),
    (r'^(encoder\.layers\.\d+)\.linear2\.', r'\1.ffn.layers.1.'),
    (r'^(encoder\.layers\.\d+)\.norm1\.', r'\1.norms.0.'),
    (r'^(encoder\.layers\.\d+)\.norm2\.', r'\1.norms.1.'),
    (r'^(decoder\.layers\.\d+)\.adjacent_matrix$',
     r'\1.within_attn.adjacency'),
    (r'^(decoder\.layers\.\d+)\.within_attn\.(?!adjacency)',
     r'\1.within_attn.attn.'),
    (r'^(decoder\.layers\.\d+)\.linear1\.', r'\1.ffns.0.layers.0.0.'),
    (r'^(decoder\.layers\.\d+)\.linear2\.', r'\1.ffns.0.layers.1.'),
    (r'^(decoder\.layers\.\d+)\.linear1_\.', r'\1.ffns.1.layers.0.0.'),
    (r'^(decoder\.layers\.\d+)\.linear2_\.', r'\1.ffns.1.layers.1.'),
    (r'^(decoder\.layers\.\d+)\.across_norm\.', r'\1.norms.0.'),
    (r'^(decoder\.layers\.\d+)\.norm1\.', r'\1.norms.1.'),
    (r'^(decoder\.layers\.\d+)\.norm2\.', r'\1.norms.2.'),
    (r'^(decoder\.layers\.\d+)\.within_norm\.', r'\1.norms.3.'),
    (r'^(decoder\.layers\.\d+)\.norm2_\.', r'\1.norms.4.'),
    # Prompts.
    (r'^text_proj\.', 'prompt_encoder.word_proj.'),
    (r'^sentence_proj\.', 'prompt_encoder.sentence_proj.'),
    (r'^prompt_proj\.', 'prompt_encoder.point_proj.'),
    (r'^glob_prompt_proj\.', 'prompt_encoder.point_sentence_proj.'),
    (r'^(prompt_encoder\.\w+)\.layer_norm\.', r'\1.norm.'),
    (r'^fusion_module\.multihead_attn\.', 'fusion.attentions.text.'),
    (r'^fusion_module\.multihead_attn2\.', 'fusion.attentions.positional.'),
    (r'^text_encoder\.text_backbone\.', 'text_encoder.model.'),
    # Neck and branches.
    (r'^input_proj\.3\.', 'neck.extra_convs.0.'),
    (r'^input_proj\.', 'neck.convs.'),
    (r'^(neck\.\w+\.\d+)\.0\.', r'\1.conv.'),
    (r'^(neck\.\w+\.\d+)\.1\.', r'\1.gn.'),
    (r'^controller\.layers\.', 'bbox_head.mask_head.controller.'),
    (r'^mask_refine\.conv(\d)_1div8\.',
     r'bbox_head.mask_head.refinements.0.conv\1.'),
    (r'^mask_refine\.conv(\d)_1div4\.',
     r'bbox_head.mask_head.refinements.1.conv\1.'),
    (r'^class_embed\.(\d+)\.', r'bbox_head.cls_branches.\1.0.'),
    (r'^pose_visi_embed\.(\d+)\.', r'bbox_head.visibility_branches.\1.0.'),
    (r'^bbox_embed\.(\d+)\.layers\.', r'bbox_head.reg_branches.\1.'),
    (r'^pose_embed\.(\d+)\.layers\.', r'bbox_head.kpt_branches.\1.'),
    (r'(?<=controller\.)(\d)\.', _even),
    (r'(?<=ref_point_head\.)(\d)\.', _even),
    (r'(?<=enc_kpt_branch\.)(\d)\.', _even),
    (r'(?<=^bbox_head\.reg_branches\.\d\.)(\d)\.', _even),
    (r'(?<=^bbox_head\.kpt_branches\.\d\.)(\d)\.', _even),
)


def rename(name: str) -> str:
    """Our name of a released weight outside of the backbone."""
    for released, ours in RULES:
        name = re.sub(released, ours, name)
    return name


def convert_uniphd(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename the weights of the released UniPHD with Swin-T.

    What it computes stays the same. Backbone and text encoder are converted
    where they are there, for the rest goes with others too.

    Args:
        state_dict: Weights by their released names, or a checkpoint with them
            in ``model`` or ``state_dict``. Names may have the prefix
            ``module.``.

    Returns: Weights for a strict load.

    Raises:
        InputError: If weights are missing, unknown, of another shape, or
            copies of one differ.
    """
    from mmdet.models.backbones.swin import swin_converter
    if isinstance(state_dict, dict) and 'model' in state_dict:
        state_dict = state_dict['model']
    weights = weights_of(state_dict)
    backbone, converted, unequal = {}, {}, []
    for name, weight in weights.items():
        if name.startswith(BACKBONE):
            backbone[name.removeprefix(BACKBONE)] = weight
        elif not name.endswith('.position_ids'):  # stored by old libraries
            ours = rename(name)
            if not torch.equal(converted.setdefault(ours, weight), weight):
                unequal.append(name)
    layout = uniphd_layout()
    check_layout(
        'UniPHD with Swin-T',
        missing=layout.keys() - converted.keys(),
        unexpected=[
            name for name in converted.keys() - layout.keys()
            if not name.startswith('text_encoder.model.')
        ],
        misshapen=[
            f'{name} is {tuple(converted[name].shape)} instead of {shape}'
            for name, shape in layout.items()
            if name in converted and converted[name].shape != shape
        ],
        unequal=unequal)
    return {**swin_converter(backbone), **converted}


def uniphd_layout() -> Dict[str, Tuple[int, ...]]:
    """Names and shapes of our weights, without backbone and text encoder."""
    from mmdet.models.necks import ChannelMapper  # takes seconds to import

    from mmhqnet.models.heads.ref_pose_mask_head import RefPoseMaskHead
    from mmhqnet.models.layers import HQNetEncoder
    from mmhqnet.models.layers.pose_centric_decoder import PoseCentricDecoder
    from mmhqnet.models.prompt_encoders import PromptEncoder, PromptFusion
    dims = 256
    with torch.device('meta'):
        parts = nn.ModuleDict(
            dict(
                neck=ChannelMapper([192, 384, 768],
                                   dims,
                                   kernel_size=1,
                                   norm_cfg=dict(type='GN', num_groups=32),
                                   act_cfg=None,
                                   bias=True,
                                   num_outs=4),
                encoder=HQNetEncoder(
                    num_layers=6,
                    layer_cfg=dict(
                        self_attn_cfg=dict(embed_dims=dims),
                        ffn_cfg=dict(
                            embed_dims=dims, feedforward_channels=2048))),
                decoder=PoseCentricDecoder(),
                bbox_head=RefPoseMaskHead(),
                prompt_encoder=PromptEncoder(),
                fusion=PromptFusion(),
                memory_trans_fc=nn.Linear(dims, dims),
                memory_trans_norm=nn.LayerNorm(dims),
                keypoint_embedding=nn.Embedding(17, dims)))
    layout = {
        name: tuple(weight.shape)
        for name, weight in parts.state_dict().items()
    }
    layout['level_embed'] = (4, dims)
    return layout
