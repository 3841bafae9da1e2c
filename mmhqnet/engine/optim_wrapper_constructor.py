"""Optimisers that do the same with less work."""
import inspect
from typing import List

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIMIZERS
from mmengine.utils import digit_version
from torch import nn

from mmhqnet.registry import OPTIM_WRAPPER_CONSTRUCTORS

# PyTorch 2.4 brought fused optimisers to the CPU.
FUSED_DEVICES = ('cuda', 'cpu') if digit_version(
    torch.__version__) >= digit_version('2.4.0') else ('cuda', )


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, with equal parameter groups merged.

    NOTE with ``paramwise_cfg`` MMEngine makes one group per tensor, several
    hundred for HQNet, and an optimiser works group by group. Learning rates
    and weight decays stay what they are. Where PyTorch has a fused
    implementation of the optimiser, it is used: all of a group in one go,
    equal but for rounding. ``optimizer=dict(fused=False)`` in the config
    switches it off.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimiser of a model that is on its training device."""
        devices = {parameter.device.type for parameter in model.parameters()}
        if devices <= {*FUSED_DEVICES} and self._has_fused_implementation():
            self.optimizer_cfg.setdefault('fused', True)
        return super().__call__(model)

    def _has_fused_implementation(self) -> bool:
        optimizer = self.optimizer_cfg['type']
        if isinstance(optimizer, str):
            optimizer = OPTIMIZERS.get(optimizer)
        # One of the two excludes the other.
        return ('fused' in inspect.signature(optimizer).parameters
                and not self.optimizer_cfg.get('foreach'))

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   **kwargs) -> None:
        """Extend ``params`` by a module's groups and merge equal ones.

        ``prefix`` is the module's name in the model; see MMEngine.
        """
        super().add_params(params, module, prefix=prefix, **kwargs)
        if prefix:
            return
        merged = dict()
        for group in params:
            options = {
                key: value
                for key, value in group.items() if key != 'params'
            }
            key = tuple(sorted(options.items()))
            merged.setdefault(key, dict(options, params=[]))
            merged[key]['params'] += group['params']
        params[:] = merged.values()
