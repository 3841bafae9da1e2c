"""Weights of plain vision transformers: MAE, HumanBench, ViTDet."""
import re
from typing import Dict, Sequence

import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmhqnet.errors import InputError

from .reading import weights_of

PREFIXES = ('module.', 'model.', 'backbone_module.', 'backbone.', 'encoder.')
# Of a backbone in our sense: no class token, no last norm, no decoder.
BACKBONE_NAME = re.compile(
    r'patch_embed\.proj\.(weight|bias)|pos_embed|blocks\.\d+\.(norm[12]|attn\.'
    r'(qkv|proj)|mlp\.fc[12])\.(weight|bias)|blocks\.\d+\.attn\.rel_pos_[hw]')
POSITIONS = re.compile(r'blocks\.(\d+)\.attn\.rel_pos_[hw]')


def convert_vit(
    state_dict: Dict[str, Tensor],
    *,
    patch_size: int = 16,
    img_size: int = 1024,
    pretrain_img_size: int = 224,
    window_size: int = 14,
    global_blocks: Sequence[int] = (5, 11, 17, 23)
) -> Dict[str, Tensor]:
    """Make a pretrained transformer the start of a :class:`PlainViT`.

    Takes MAE's layout (weights under ``model``, with a class token),
    HumanBench's (names begin with ``module.backbone_module.``) and ViTDet's
    (``backbone.``, with relative positions). Positions made for another size
    are interpolated, with a message. The result is for ``load_from``: names
    begin with ``backbone.``, and relative positions that were not learnt keep
    their initial zeros.

    Args:
        state_dict: Weights by name, or a checkpoint that holds them.
        patch_size, img_size, pretrain_img_size, window_size, global_blocks:
            Those of the :class:`PlainViT`.

    Returns: Weights of the backbone.

    Raises: InputError: If it is no such transformer, or has other patches.
    """
    for key in ('state_dict', 'model'):
        if isinstance(state_dict.get(key), dict):
            state_dict = state_dict[key]
    weights = {
        _without_prefixes(name): weight
        for name, weight in weights_of(state_dict).items()
    }
    weights = {
        name: weight
        for name, weight in weights.items() if BACKBONE_NAME.fullmatch(name)
    }
    for name in ('patch_embed.proj.weight', 'pos_embed',
                 'blocks.0.attn.qkv.weight'):
        if name not in weights:
            raise InputError('these are not the weights of a plain vision '
                             f'transformer: they lack {name}')
    found = weights['patch_embed.proj.weight'].shape[-1]
    if found != patch_size:
        raise InputError(
            f'this transformer has patches of {found} pixels, '
            f'model.backbone.patch_size is {patch_size}; patches cannot be '
            'converted')
    weights['pos_embed'] = _absolute(weights['pos_embed'],
                                     pretrain_img_size // patch_size)
    for name, table in weights.items():
        block = POSITIONS.fullmatch(name)
        if block:
            is_global = int(block[1]) in global_blocks
            weights[name] = _relative(
                name, table,
                img_size // patch_size if is_global else window_size)
    return {f'backbone.{name}': weight for name, weight in weights.items()}


def _without_prefixes(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _absolute(positions: Tensor, side: int) -> Tensor:
    """Positions of the patches alone, (1, side * side, dim)."""
    positions = positions.reshape(1, -1, positions.shape[-1])
    number = positions.shape[1]
    if int(number**0.5)**2 != number:  # the class token's comes first
        positions = positions[:, 1:]
        number -= 1
    found = int(number**0.5)
    if found**2 != number:
        raise InputError(f'pos_embed holds {number} positions, which is no '
                         'square; this layout is not known')
    if found == side:
        return positions.clone()
    print_log(
        f'absolute positions of {found} x {found} patches are interpolated '
        f'to {side} x {side}',
        logger='current')
    maps = positions.unflatten(1, (found, found)).permute(0, 3, 1, 2)
    maps = F.interpolate(maps, size=(side, side), mode='bicubic')
    return maps.flatten(2).transpose(1, 2)


def _relative(name: str, table: Tensor, size: int) -> Tensor:
    """Relative positions for maps or windows of another size."""
    length = 2 * size - 1
    if length == len(table):
        return table
    print_log(
        f'{name}: {len(table)} relative positions are interpolated to '
        f'{length}',
        logger='current')
    return F.interpolate(table.T[None], size=length, mode='linear')[0].T
