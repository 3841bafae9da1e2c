"""Reading and writing checkpoints: a wrong one is named, not half loaded."""
import os
import re
from typing import Container, Dict, Iterable, Optional

import torch
from torch import Tensor, nn

from mmhqnet.errors import InputError, missing_file
from mmhqnet.files import replacing

from .fetching import fetch, is_address


def read_checkpoint(path: str, weights_only: Optional[bool] = None) -> dict:
    """Read a checkpoint onto the CPU.

    Args:
        path: File, or address that mmengine can open.
        weights_only: True refuses, on every PyTorch, what is more than
            tensors, plain containers and text, because building anything
            else can run code that the file brings along. By default PyTorch
            2.6 or newer refuses it, and older ones trust files, but not what
            comes from an address.

    Returns: The checkpoint; with the weights in ``state_dict``.

    Raises: InputError: If it is missing, damaged, unsafe or not a checkpoint.
    """
    file = os.path.expanduser(path)
    if is_address(path):
        file, weights_only = fetch(path), True
    if not os.path.isfile(file):
        raise missing_file('checkpoint', path)
    try:
        checkpoint = torch.load(
            file, map_location='cpu', weights_only=weights_only)
    except Exception as error:  # of a damaged file there can be any
        if is_address(path):
            os.remove(file)  # the next try fetches it again
        raise InputError(f'checkpoint {path} {_fault(error)}') from error
    if not isinstance(checkpoint, dict):
        raise InputError(f'checkpoint {path} holds no weights but a '
                         f'{type(checkpoint).__name__}')
    if 'state_dict' not in checkpoint:
        checkpoint = dict(state_dict=checkpoint)
    return checkpoint


def _fault(error: Exception) -> str:
    """What is wrong with a file that PyTorch does not read."""
    if isinstance(error, OSError):
        return f'cannot be opened ({error})'
    # PyTorch's restricted unpickler names what it does not build.
    unsafe = re.search(r'unsupported (?:global: |class )?(?:global )?([\w.]+)',
                       str(error), re.IGNORECASE)
    if unsafe and '.' in unsafe[1]:
        return (f'is refused: it asks for {unsafe[1]}, and building more than '
                'tensors, plain containers and text could run any code; do '
                'not trust this file')
    return ('cannot be read: it is damaged, not a PyTorch checkpoint, or '
            'holds objects that are not safe to load')


def check_weights_fit(model: nn.Module,
                      state_dict: dict,
                      path: str,
                      training_only: Container[str] = ()) -> None:
    """See to it that every weight of the model is in the checkpoint.

    Weights that the model has no use for (of a task that is switched off)
    are fine.

    Args:
        path: Where they come from, for the message.
        training_only: Names that may be missing, see
            :func:`mmhqnet.apis.shipping.ship`.

    Raises: InputError: If weights are missing or have another shape.
    """
    stored = without_wrapper(state_dict)
    wanted = {
        name: weight
        for name, weight in model.state_dict().items()
        if not (name.endswith('num_batches_tracked') or
                (name in training_only and name not in stored))
    }
    unfit = [
        name for name, weight in wanted.items()
        if getattr(stored.get(name), 'shape', None) != weight.shape
    ]
    if unfit:
        raise InputError(
            f'checkpoint {path} is of another architecture: {len(unfit)} of '
            f"the model's {len(wanted)} weights are missing in it or have "
            f'another shape (the first: {unfit[0]}); use the config it was '
            'trained with')


def write_weights(weights: Dict[str, Tensor], path: str) -> None:
    """Write weights as a checkpoint for testing or for ``load_from``.

    Raises: InputError: If it cannot be written.
    """
    meta = dict(dataset_meta=dict(classes=('person', )))
    try:
        with replacing(path) as unfinished, open(unfinished, 'wb') as file:
            torch.save(dict(meta=meta, state_dict=weights), file)
    except OSError as error:
        raise InputError(f'cannot write {path} ({error.strerror})') from error


def weights_of(checkpoint: dict) -> Dict[str, Tensor]:
    """The tensors of a checkpoint or state dict."""
    weights = checkpoint
    if isinstance(checkpoint, dict):
        weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, dict):
        raise InputError('expected weights by name, got a '
                         f'{type(weights).__name__}')
    weights = without_wrapper(weights)
    for name, weight in weights.items():
        if not isinstance(weight, Tensor):
            raise InputError(f'{name} is not a weight but a '
                             f'{type(weight).__name__}')
    return weights


def without_wrapper(state_dict: dict) -> dict:
    """Names without the prefix that distributed training puts before."""
    return {
        name.removeprefix('module.'): weight
        for name, weight in state_dict.items()
    }


def check_layout(release: str, **faults: Iterable[str]) -> None:
    """Raise an error that lists names of weights under what is wrong.

    Args:
        release: Whose weights they should be, for the message.
        **faults: Names by fault; no fault, no error.

    Raises: InputError: If there is any name.
    """
    lists = []
    for fault, names in faults.items():
        if names:
            first = ', '.join(sorted(names)[:3])
            more = ', ...' if len(names) > 3 else ''
            lists.append(f'{len(names)} {fault} ({first}{more})')
    if lists:
        raise InputError('these are not the weights of the released '
                         f'{release}: {"; ".join(lists)}')
