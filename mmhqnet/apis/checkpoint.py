"""Reading checkpoints so that a wrong one is named, not half loaded."""
import os
import pickle

import torch.nn as nn
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

from mmhqnet.utils.errors import InputError


def read_checkpoint(path: str) -> dict:
    """Read a checkpoint onto the CPU.

    Args:
        path (str): File, or address that mmengine can open.

    Returns:
        dict: The checkpoint; with the weights in ``state_dict``.

    Raises:
        InputError: If it is missing, damaged or not a checkpoint.
    """
    if '://' not in path and not os.path.isfile(path):
        raise InputError(f'checkpoint {path} does not exist')
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, 'cpu')
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise InputError(
            f'checkpoint {path} cannot be read: it is damaged, not a PyTorch '
            'checkpoint, or holds objects that are not safe to load'
        ) from error
    if not isinstance(checkpoint, dict):
        raise InputError(f'checkpoint {path} holds no weights but a '
                         f'{type(checkpoint).__name__}')
    if 'state_dict' not in checkpoint:
        checkpoint = dict(state_dict=checkpoint)
    return checkpoint


def stored_config(checkpoint: dict, path: str) -> Config:
    """The config that a checkpoint was trained with.

    Args:
        checkpoint (dict): As :func:`read_checkpoint` gives it.
        path (str): Where it comes from, for the message.

    Returns:
        Config: The config.

    Raises:
        InputError: If the checkpoint holds none.
    """
    runtime = checkpoint.get('message_hub', {}).get('runtime_info', {})
    text = runtime.get('cfg') or checkpoint.get('meta', {}).get('cfg')
    if text is None:
        raise InputError(f'checkpoint {path} holds no config; name one')
    return Config.fromstring(text, file_format='.py')


def check_weights_fit(model: nn.Module, state_dict: dict, path: str) -> None:
    """See to it that every weight of the model is in the checkpoint.

    Weights that the model has no use for (of a task that is switched off)
    are fine.

    Args:
        model (nn.Module): The model to be loaded.
        state_dict (dict): Weights by name.
        path (str): Where they come from, for the message.

    Raises:
        InputError: If weights are missing or have another shape.
    """
    stored = {
        name.removeprefix('module.'): w
        for name, w in state_dict.items()
    }
    wanted = {
        name: weight
        for name, weight in model.state_dict().items()
        if not name.endswith('num_batches_tracked')
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
