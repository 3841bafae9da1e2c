"""Few parameter groups instead of one per tensor."""
from typing import List

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmhqnet.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, with equal parameter groups merged.

    NOTE with ``paramwise_cfg`` MMEngine makes one group per tensor, several
    hundred for HQNet, and an optimiser works group by group. Learning rates
    and weight decays stay what they are.
    """

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   **kwargs) -> None:
        """Add the parameter groups of a module and merge equal ones.

        Args:
            params (list[dict]): Parameter groups; extended in place.
            module (nn.Module): The module.
            prefix (str): Its name in the model; empty for the model itself.
            **kwargs: See MMEngine.
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
