"""Names of the weights that the authors of QueryPose released.

Written down as pairs of parts: a part's name in the release and its name in
:class:`QueryPose`. What follows a part's name, such as ``.weight``, is the
same in both.
"""
import re
from typing import Dict, Iterable, List, Optional

from torch import Tensor

from mmhqnet.errors import InputError

from .reading import weights_of

DYNAMIC_CONV = dict(
    dynamic_layer='dynamic_layer',
    norm1='norm_in',
    norm2='norm_out',
    out_layer='fc_layer',
    norm3='fc_norm')

BOX_STAGE = {
    'self_attn': 'attention.attn',
    **{
        f'inst_interact.{old}': f'instance_interactive_conv.{new}'
        for old, new in DYNAMIC_CONV.items()
    },
    'norm1': 'attention_norm',
    'norm2': 'instance_interactive_conv_norm',
    'linear1': 'ffn.layers.0.0',
    'linear2': 'ffn.layers.1',
    'norm3': 'ffn_norm',
    'cls_module': 'cls_fcs',
    'reg_module': 'reg_fcs',
    'class_logits': 'fc_cls',
    'bboxes_delta': 'fc_reg',
}

# Only in the full version.
INTERACTION = {
    **{
        f'pose_decoder_inst_interact.{old}': f'interaction.dynamic_conv.{new}'
        for old, new in DYNAMIC_CONV.items()
    },
    'inst_norm': 'interaction.dynamic_conv_norm',
    'linear1': 'interaction.ffn.layers.0.0',
    'linear2': 'interaction.ffn.layers.1',
    'norm2': 'interaction.ffn_norm',
}

POSE_STAGE = {
    'inst_convs': 'convs',
    'part_embed_generator.upsample.0': 'upsampling.conv',
    'part_embed_generator.upsample.1': 'upsampling.norm',
    'part_embed_generator.LSA_conv': 'parts.embedding.attention',
    'part_embed_generator.fc': 'parts.embedding.projection',
    'residual_filter': 'parts.person_branches',
    'updater.fc1': 'parts.iteration.reduction',
    'updater.norm_fc1': 'parts.iteration.norm',
    'updater.fc2': 'parts.iteration.gates',
    'updater.fc3': 'unused_fc',
    'updater.norm_fc3': 'unused_norm',
    'kps_self_attn': 'parts.attention.attn',
    'self_attn_norm': 'parts.attention_norm',
    'linear1_l': 'parts.ffn.layers.0.0',
    'linear2_l': 'parts.ffn.layers.1',
    'norm2_l': 'parts.ffn_norm',
    'fc_coord': 'pose.mu_branches',
    'fc_sigma': 'pose.sigma_branches',
}

OUTSIDE_OF_STAGES = {
    'init_proposal_boxes': 'rpn_head.init_proposal_bboxes',
    'init_proposal_features': 'rpn_head.init_proposal_features',
    'part_query': 'roi_head.part_query',
    'criterion.flow.flow.mask': 'roi_head.loss_kpt.flow.mask',
    'criterion.flow.flow.s': 'roi_head.loss_kpt.flow.scales',
    'criterion.flow.flow.t': 'roi_head.loss_kpt.flow.translations',
}

SERIES = {
    'head.head_series': ('roi_head.bbox_head', BOX_STAGE),
    'head.pose_head_series': ('roi_head.pose_layers', {
        **POSE_STAGE,
        **INTERACTION
    }),
}

# detectron2's FPN and ResNet; the branches of an HRNet have our names.
PYRAMID = [
    (r'backbone\.fpn_lateral(\d)\.',
     lambda match: f'neck.lateral_convs.{int(match[1]) - 2}.conv.'),
    (r'backbone\.fpn_output(\d)\.',
     lambda match: f'neck.fpn_convs.{int(match[1]) - 2}.conv.'),
    (r'backbone\.bottom_up\.stem\.conv1\.norm\.', r'backbone.bn1.'),
    (r'backbone\.bottom_up\.stem\.conv1\.', r'backbone.conv1.'),
    (r'backbone\.bottom_up\.res(\d)\.(\d+)\.',
     lambda match: f'backbone.layer{int(match[1]) - 1}.{match[2]}.'),
    (r'^(backbone\.layer\d\.\d+)\.conv(\d)\.norm\.', r'\1.bn\2.'),
    (r'^(backbone\.layer\d\.\d+)\.shortcut\.norm\.', r'\1.downsample.1.'),
    (r'^(backbone\.layer\d\.\d+)\.shortcut\.', r'\1.downsample.0.'),
    (r'backbone\.bottom_up\.', r'backbone.'),
]


def convert_querypose(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename the weights of the authors' release to ours; one to one.

    The result is for a strict load into :class:`QueryPose`, light or full as
    the weights are, apart from the backbone and the neck if the file has none.

    Args:
        state_dict: Weights of the released QueryPose, or a checkpoint with
            them in ``model`` or ``state_dict``. Names may have the prefix
            ``module.``.

    Returns: Weights with the names of :class:`QueryPose`.

    Raises: InputError: If weights are missing or unknown.
    """
    for wrapper in ('state_dict', 'model'):  # detectron2 writes the latter
        if isinstance(state_dict, dict):
            state_dict = state_dict.get(wrapper, state_dict)
    weights = weights_of(state_dict)
    names = {released: querypose_name(released) for released in weights}
    unknown = sorted(released for released in names if not names[released])
    missing = missing_parts(weights)
    for fault, parts in (('unknown', unknown), ('missing', missing)):
        if parts:
            raise InputError('these are not the weights of the released '
                             f'QueryPose: {len(parts)} {fault}, such as '
                             f'{parts[0]}')
    return {names[released]: weight for released, weight in weights.items()}


def querypose_name(released: str) -> Optional[str]:
    """Name of a released weight in :class:`QueryPose`; None if unknown."""
    if released.startswith('backbone.'):
        for pattern, replacement in PYRAMID:
            released = re.sub(pattern, replacement, released)
        return released
    for series, (ours, parts) in SERIES.items():
        match = re.fullmatch(rf'{re.escape(series)}\.(\d+)\.(.+)', released)
        if match:
            name = _rename(match[2], parts)
            return name and f'{ours}.{match[1]}.{name}'
    return _rename(released, OUTSIDE_OF_STAGES)


def _rename(name: str, parts: dict) -> Optional[str]:
    for old, new in parts.items():
        if re.match(rf'{re.escape(old)}(\.|_weight$|_bias$|$)', name):
            rest = name[len(old):]
            # The release wraps the linear layers of its keypoint branches.
            if new.startswith('pose.'):
                rest = rest.replace('.linear.', '.')
            return new + rest
    return None


def missing_parts(released: Iterable[str]) -> List[str]:
    """Parts of the release of which no weight is among these names.

    The light version lacks nothing.
    """
    names = list(released)
    stages = {
        int(match[1])
        for name in names
        if (match := re.match(r'head\.(?:pose_)?head_series\.(\d+)\.', name))
    } or {0}
    is_full = any('pose_decoder_inst_interact' in name for name in names)
    pose_stage = {**POSE_STAGE, **(INTERACTION if is_full else {})}
    parts = list(OUTSIDE_OF_STAGES)
    for stage in sorted(stages):
        parts += [f'head.head_series.{stage}.{part}' for part in BOX_STAGE]
        parts += [
            f'head.pose_head_series.{stage}.{part}' for part in pose_stage
        ]
    there = {
        name[:match.start()]
        for name in names
        for match in re.finditer(r'[._]', name)
    } | set(names)
    return [part for part in parts if part not in there]
