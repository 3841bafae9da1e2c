"""Learning rates that fall from layer to layer of a plain transformer."""
import re
from typing import List

from torch import nn

from mmhqnet.errors import InputError
from mmhqnet.registry import OPTIM_WRAPPER_CONSTRUCTORS

from .optim_wrapper_constructor import MergedGroupsConstructor


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayConstructor(MergedGroupsConstructor):
    """Layer-wise learning-rate decay, as ViTDet trains (arXiv 2203.16527).

    Block i of n in a :class:`PlainViT` learns at ``decay_rate ** (n - i)`` of
    the rate, patches and positions at ``decay_rate ** (n + 1)``, everything
    else at the whole rate. Biases, norms and positions are not decayed.

    The config gives ``paramwise_cfg=dict(decay_rate=0.8)``.

    Raises:
        InputError: If the rate is missing or the model has no such backbone.
    """

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   **kwargs) -> None:
        """Add a group for each rate and decay; see MMEngine."""
        rate = self.paramwise_cfg.get('decay_rate')
        backbone = getattr(module, 'backbone', None)
        if rate is None or not hasattr(backbone, 'blocks'):
            raise InputError(
                'LayerDecayConstructor needs paramwise_cfg.decay_rate and a '
                'backbone with blocks, such as PlainViT')
        depth = len(backbone.blocks)
        groups = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            scale = rate**(depth + 1 - _layer_of(name, depth))
            decays = parameter.ndim > 1 and 'pos' not in name.split('.')[-1]
            decay = self.base_wd if decays else 0.0
            group = groups.setdefault(
                (scale, decay),
                dict(params=[], lr=self.base_lr * scale, weight_decay=decay))
            group['params'].append(parameter)
        params += groups.values()


def _layer_of(name: str, depth: int) -> int:
    """Where a weight is: 0 patches, 1 .. depth blocks, depth + 1 the rest."""
    block = re.match(r'backbone\.blocks\.(\d+)\.', name)
    if block:
        return int(block[1]) + 1
    return 0 if name.startswith('backbone.') else depth + 1
