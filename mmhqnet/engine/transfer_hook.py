"""Start a training from a model of other tasks."""
from typing import Dict, Iterable, List

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from mmhqnet.errors import InputError
from mmhqnet.registry import HOOKS


@HOOKS.register_module()
class TransferHook(Hook):
    """Take from ``load_from`` what fits, and say in a line what does not.

    Weights of the same name and shape are loaded; a task of another skeleton
    or of other classes, and one that the checkpoint does not know, starts
    anew. Only a training that begins is concerned: going on with one
    (``resume``) and testing are as ever.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace the checkpoint's weights by a complete set for the model.

        Raises: InputError: Nothing fits.
        """
        resumed = getattr(runner, '_resume', False)
        if resumed or not isinstance(runner.optim_wrapper, OptimWrapper):
            return
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        own, weights = model.state_dict(), checkpoint['state_dict']
        fitting = {
            name: weight
            for name, weight in weights.items()
            if name in own and own[name].shape == weight.shape
        }
        if not fitting:
            raise InputError(
                'load_from: the checkpoint has no weight that fits the model; '
                'convert it (tools/model_converters/), or choose another one')
        checkpoint['state_dict'] = {**own, **fitting}
        runner.logger.info(transfer_message(own, fitting, weights))


def transfer_message(own: Dict[str, Tensor], fitting: Iterable[str],
                     weights: Iterable[str]) -> str:
    """What is loaded, what starts anew and what is not used, in one line.

    Args:
        own: The model's weights.
        fitting: Names of those that are loaded.
        weights: Names of those in the checkpoint.
    """
    anew = covering_modules(set(own) - set(fitting), fitting)
    unused = covering_modules(set(weights) - set(own), own)
    text = f'{len(set(fitting))} of {len(own)} weights are loaded'
    text += f'; anew: {", ".join(anew) or "nothing"}'
    return text + f'; not used: {", ".join(unused) or "nothing"}'


def covering_modules(names: Iterable[str], others: Iterable[str]) -> List[str]:
    """The largest modules that hold some of ``names`` and no others."""
    held = {prefix for other in others for prefix in _prefixes(other)}
    return sorted({
        next((prefix
              for prefix in _prefixes(name) if prefix not in held), name)
        for name in names
    })


def _prefixes(name: str) -> List[str]:
    """The modules around a weight from the outermost on, and the weight."""
    parts = name.split('.')
    return ['.'.join(parts[:end]) for end in range(1, len(parts) + 1)]
