"""Train a part of a model."""
from typing import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _NormBase

from mmhqnet.errors import InputError
from mmhqnet.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Keep some modules as they were loaded.

    Their parameters get no gradient, so they are neither updated nor decayed,
    nor do they count in the norm that gradients are clipped to. Batch norms
    use the statistics that were loaded. On several GPUs the
    config needs ``find_unused_parameters = True``.

    Args:
        modules: Names of the modules, such as 'backbone' or
            'bbox_head.cls_branches'.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = modules
        self._norms = []

    def before_train(self, runner: Runner) -> None:
        """Freeze the modules.

        Raises: InputError: The model has no such module.
        """
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        for name in self.modules:
            try:
                module = model.get_submodule(name)
            except AttributeError as error:
                known = ', '.join(name for name, _ in model.named_children())
                raise InputError(
                    f'FreezeHook: the model has no module {name!r}; its '
                    f'modules are {known}') from error
            module.requires_grad_(False)
            self._norms += [
                part for part in module.modules()
                if isinstance(part, _NormBase)
            ]

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Stop the statistics; each epoch begins with ``model.train()``."""
        for norm in self._norms:
            norm.eval()
