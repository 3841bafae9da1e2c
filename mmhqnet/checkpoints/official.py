"""Names and shapes of the weights that the authors of HQNet released.

Written down as pairs of parts: a part's name in the release, its name here,
and a module without memory whose weights have the names and shapes of both
(method 8). The release keeps all seven copies of a branch, the decoder's six
and the one of the encoder's proposals, in this order, as we do.
"""
from typing import Dict, Iterator, List, NamedTuple, Tuple

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .reading import check_layout, weights_of

DIMS = 256
NUM_LAYERS = 6
NUM_KEYPOINTS = 17
MESH_HEADS = ('bbox_head.smpl_', 'bbox_head.pose_prior_loss.')
"""tuple[str]: How names of the mesh heads begin; we have none."""

Part = Tuple[str, str, nn.Module]


class Weight(NamedTuple):
    """A weight of the release.

    Attributes:
        official: Its name in the release.
        name: Its name in :class:`HQNet`.
        shape (tuple[int]): Its shape in both.
    """
    official: str
    name: str
    shape: Tuple[int, ...]


def convert_official(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename the weights of the authors' release to ours (method 8).

    Everything we use is kept as it is, except that the gender branches are
    negated: the released ones give the probability of label 0 (method 10.1).
    The mesh heads, for which we have no task, are left out with a message.
    The result fits the main config, whose task heads are called ``mask``,
    ``pose``, ``gender`` and ``age``.

    Args:
        state_dict: Weights of the released HQNet with
            ResNet-50, or a checkpoint with them in ``state_dict``. Names may
            have the prefix ``module.``.

    Returns: Weights for a strict load.

    Raises: InputError: If weights are missing, unknown or of another shape.
    """
    weights = weights_of(state_dict)
    mesh = [name for name in weights if name.startswith(MESH_HEADS)]
    if mesh:
        print_log(
            f'{len(mesh)} weights of the mesh heads (such as {mesh[0]}) are '
            'left out: mmhqnet has no such task',
            logger='current')
    layout = official_layout()
    known = {weight.official for weight in layout}
    check_layout(
        'HQNet with ResNet-50',
        missing=known - weights.keys(),
        unexpected=weights.keys() - known - set(mesh),
        misshapen=[
            f'{weight.official} is {tuple(found.shape)} instead of '
            f'{weight.shape}' for weight in layout
            if (found := weights.get(weight.official)) is not None
            and found.shape != weight.shape
        ])
    return {
        weight.name:
        -weights[weight.official]
        if '.task_heads.gender.' in weight.name else weights[weight.official]
        for weight in layout
    }


def official_layout() -> List[Weight]:
    """Weights of the released HQNet with ResNet-50, without the mesh heads.

    Returns: All of them; no name occurs twice.
    """
    weights = [
        Weight('bbox_head.transformer.level_embeds', 'level_embed', (4, DIMS))
    ]
    with torch.device('meta'):
        for official, name, part in _parts():
            weights += [
                Weight(f'{official}.{key}', f'{name}.{key}',
                       tuple(weight.shape))
                for key, weight in part.state_dict().items()
            ]
    return weights


def _parts() -> Iterator[Part]:
    from mmdet.models.backbones import ResNet  # takes seconds to import
    yield 'backbone', 'backbone', ResNet(depth=50)
    yield 'neck.convs', 'neck.convs', nn.ModuleList(
        _conv_gn(channels) for channels in (256, 512, 1024, 2048))
    yield 'neck.extra_convs.0', 'neck.extra_convs.0', _conv_gn(2048, 3)

    transformer = 'bbox_head.transformer'
    yield from _layers(f'{transformer}.encoder', 'encoder')
    yield from _layers(f'{transformer}.decoder', 'decoder', is_decoder=True)
    yield f'{transformer}.decoder.norm', 'decoder.norm', nn.LayerNorm(DIMS)
    for index, layer, in_dims in ((0, 0, 2 * DIMS), (2, 1, DIMS)):
        yield (f'{transformer}.decoder.ref_point_head.{index}',
               f'decoder.ref_point_head.layers.{layer}',
               nn.Linear(in_dims, DIMS))
    yield f'{transformer}.enc_output', 'memory_trans_fc', nn.Linear(DIMS, DIMS)
    yield (f'{transformer}.enc_output_norm', 'memory_trans_norm',
           nn.LayerNorm(DIMS))
    yield 'bbox_head.query_embed', 'query_embedding', nn.Embedding(300, DIMS)
    yield ('bbox_head.label_embedding', 'dn_query_generator.label_embedding',
           nn.Embedding(1, DIMS))

    yield (f'{transformer}.lateral_convs.0', 'pixel_embedding.lateral_conv',
           _conv_gn(DIMS))
    yield (f'{transformer}.output_convs.0', 'pixel_embedding.output_conv',
           _conv_gn(DIMS, 3))
    yield (f'{transformer}.mask_feature', 'pixel_embedding.mask_feature',
           nn.Conv2d(DIMS, DIMS, 1))

    tasks = 'bbox_head.task_heads'
    yield from _layers(
        f'{transformer}.kpt_refine_decoder',
        f'{tasks}.pose.refine',
        num_layers=2,
        ffn_dims=1024,
        is_decoder=True)
    yield (f'{transformer}.refine_query_embedding',
           f'{tasks}.pose.refine.query_embedding',
           nn.Embedding(NUM_KEYPOINTS, 2 * DIMS))
    for layer in range(2):
        yield (f'bbox_head.refine_kpt_branches.{layer}',
               f'{tasks}.pose.refine.branches.{layer}',
               _mlp(DIMS, DIMS, DIMS, 2))
    yield from _layers(
        f'{transformer}.hm_encoder',
        f'{tasks}.pose.heatmap.encoder',
        num_layers=1,
        ffn_dims=1024,
        num_levels=1)
    yield ('bbox_head.fc_hm', f'{tasks}.pose.heatmap.fc_hm',
           nn.Linear(DIMS, NUM_KEYPOINTS))

    for layer in range(NUM_LAYERS + 1):
        yield from _branches(layer)


def _branches(layer: int) -> Iterator[Part]:
    """The branches of one layer."""
    head, tasks = 'bbox_head', 'bbox_head.task_heads'
    yield (f'{head}.cls_branches.{layer}', f'{head}.cls_branches.{layer}',
           nn.Linear(DIMS, 1))
    yield (f'{head}.reg_branches.{layer}', f'{head}.reg_branches.{layer}',
           _mlp(DIMS, DIMS, DIMS, 4))
    yield (f'{head}.seg_mask_branches.{layer}',
           f'{tasks}.mask.mask_branches.{layer}', _mlp(DIMS, DIMS, DIMS, DIMS))
    yield (f'{head}.kpt_branches.{layer}',
           f'{tasks}.pose.kpt_branches.{layer}',
           _mlp(DIMS, 512, 512, 512, 2 * NUM_KEYPOINTS))
    yield (f'{head}.kpt_cls_branches.{layer}',
           f'{tasks}.pose.kpt_cls_branches.{layer}', nn.Linear(DIMS, 1))
    yield (f'{head}.attr_branches.0.{layer}',
           f'{tasks}.gender.branches.{layer}.0', nn.Linear(DIMS, 1))
    yield (f'{head}.attr_branches.1.{layer}',
           f'{tasks}.age.branches.{layer}.0', nn.Linear(DIMS, 85))


def _layers(official: str,
            name: str,
            num_layers: int = NUM_LAYERS,
            ffn_dims: int = 2048,
            num_levels: int = 4,
            is_decoder: bool = False) -> Iterator[Part]:
    """Layers of a deformable transformer."""
    for layer in range(num_layers):
        old, new = f'{official}.layers.{layer}', f'{name}.layers.{layer}'
        attention = _deformable_attention(num_levels)
        if is_decoder:
            yield (f'{old}.attentions.0.attn', f'{new}.self_attn.attn',
                   nn.MultiheadAttention(DIMS, 8))
            yield f'{old}.attentions.1', f'{new}.cross_attn', attention
        else:
            yield f'{old}.attentions.0', f'{new}.self_attn', attention
        yield f'{old}.ffns.0.layers', f'{new}.ffn.layers', nn.Sequential(
            nn.Sequential(nn.Linear(DIMS, ffn_dims)),
            nn.Linear(ffn_dims, DIMS))
        yield f'{old}.norms', f'{new}.norms', nn.ModuleList(
            nn.LayerNorm(DIMS) for _ in range(3 if is_decoder else 2))


def _deformable_attention(num_levels: int) -> nn.Module:
    num_samples = 8 * 4 * num_levels  # heads, points
    return nn.ModuleDict(
        dict(
            sampling_offsets=nn.Linear(DIMS, 2 * num_samples),
            attention_weights=nn.Linear(DIMS, num_samples),
            value_proj=nn.Linear(DIMS, DIMS),
            output_proj=nn.Linear(DIMS, DIMS)))


def _conv_gn(channels: int, kernel_size: int = 1) -> nn.Module:
    return nn.ModuleDict(
        dict(
            conv=nn.Conv2d(channels, DIMS, kernel_size, bias=False),
            gn=nn.GroupNorm(32, DIMS)))


def _mlp(*dims: int) -> nn.Module:
    """Linear layers of these widths, at the indices 0, 2, 4, ..."""
    return nn.ModuleDict({
        str(2 * index): nn.Linear(*widths)
        for index, widths in enumerate(zip(dims, dims[1:]))
    })
