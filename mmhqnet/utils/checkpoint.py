"""Reading checkpoints, and turning those of relatives into ours.

A wrong checkpoint is named, not half loaded. The weights of the authors'
release and of mmdet's DINO have other names and shapes than ours; converting
them is renaming and cutting, and what they compute stays the same.
"""
import os
import re
from typing import Dict, Iterable, Optional

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from .errors import InputError
from .official_layout import MESH_HEADS, official_layout

DINO_WEIGHTS = ('level_embed', 'query_embedding.weight',
                'dn_query_generator.label_embedding.weight',
                'bbox_head.cls_branches.0.weight', 'neck.convs.0.conv.weight',
                'decoder.ref_point_head.layers.0.weight')


def read_checkpoint(path: str, weights_only: Optional[bool] = None) -> dict:
    """Read a checkpoint onto the CPU.

    Args:
        path (str): File, or address that mmengine can open.
        weights_only (bool, optional): True refuses, on every PyTorch, a file
            that is more than tensors, plain containers and text, because
            building anything else can run code that the file brings along.
            By default only PyTorch 2.6 or newer refuses it, and older ones
            trust the file.

    Returns:
        dict: The checkpoint; with the weights in ``state_dict``.

    Raises:
        InputError: If it is missing, damaged, unsafe or not a checkpoint.
    """
    is_file = os.path.isfile(path)
    if not is_file and (weights_only or '://' not in path):
        raise InputError(f'checkpoint {path} does not exist')
    try:
        checkpoint = torch.load(
            path, map_location='cpu', weights_only=weights_only
        ) if is_file else CheckpointLoader.load_checkpoint(path, 'cpu')
    except OSError as error:
        raise InputError(
            f'checkpoint {path} cannot be opened ({error})') from error
    except Exception as error:  # of a damaged file there can be any
        raise InputError(f'checkpoint {path} {_fault(error)}') from error
    if not isinstance(checkpoint, dict):
        raise InputError(f'checkpoint {path} holds no weights but a '
                         f'{type(checkpoint).__name__}')
    if 'state_dict' not in checkpoint:
        checkpoint = dict(state_dict=checkpoint)
    return checkpoint


def _fault(error: Exception) -> str:
    """What is wrong with a file that PyTorch does not read."""
    # PyTorch's restricted unpickler names what it does not build.
    unsafe = re.search(r'unsupported (?:global: |class )?(?:global )?([\w.]+)',
                       str(error), re.IGNORECASE)
    if unsafe and '.' in unsafe[1]:
        return (f'is refused: it asks for {unsafe[1]}, and building more than '
                'tensors, plain containers and text could run any code; do '
                'not trust this file')
    return ('cannot be read: it is damaged, not a PyTorch checkpoint, or '
            'holds objects that are not safe to load')


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
    stored = _without_wrapper(state_dict)
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


def write_weights(weights: Dict[str, Tensor], path: str) -> None:
    """Write weights as a checkpoint for testing or for ``load_from``.

    Args:
        weights (dict[str, Tensor]): Weights by name.
        path (str): File to write; its folder is made.

    Raises:
        InputError: If it cannot be written.
    """
    meta = dict(dataset_meta=dict(classes=('person', )))
    try:
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
        with open(path, 'wb') as file:
            torch.save(dict(meta=meta, state_dict=weights), file)
    except OSError as error:
        raise InputError(f'cannot write {path} ({error.strerror})') from error


def convert_official(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename the weights of the authors' release to ours (spec 8).

    Everything we use is kept as it is, except that the gender branches are
    negated: the released ones give the probability of label 0 (spec 10.1).
    The mesh heads, for which we have no task, are left out with a message.
    The result fits the main config, whose task heads are called ``mask``,
    ``pose``, ``gender`` and ``age``.

    Args:
        state_dict (dict[str, Tensor]): Weights of the released HQNet with
            ResNet-50, or a checkpoint with them in ``state_dict``. Names may
            have the prefix ``module.``.

    Returns:
        dict[str, Tensor]: Weights for a strict load.

    Raises:
        InputError: If weights are missing, unknown or of another shape.
    """
    weights = _weights_of(state_dict)
    mesh = [name for name in weights if name.startswith(MESH_HEADS)]
    if mesh:
        print_log(
            f'{len(mesh)} weights of the mesh heads (such as {mesh[0]}) are '
            'left out: mmhqnet has no such task',
            logger='current')
    layout = official_layout()
    known = {weight.official for weight in layout}
    _check_layout(
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


def _check_layout(**faults: Iterable[str]) -> None:
    """Raise an error that lists the faults under their names, if any."""
    lists = []
    for fault, names in faults.items():
        if names:
            first = ', '.join(sorted(names)[:3])
            more = ', ...' if len(names) > 3 else ''
            lists.append(f'{len(names)} {fault} ({first}{more})')
    if lists:
        raise InputError('these are not the weights of the released HQNet '
                         f'with ResNet-50: {"; ".join(lists)}')


def convert_dino(state_dict: Dict[str, Tensor],
                 num_queries: int = 300,
                 person_index: int = 0) -> Dict[str, Tensor]:
    """Make mmdet's DINO a start for training HQNet.

    Of the classes only the person remains, and of the queries the first ones.
    HQNet's neck has one more convolution, for stride 4, in front of DINO's.

    The result is for ``load_from``, which is not strict: the stride-4
    convolution, the pixel embedding and the task heads are not in it and
    keep their initial weights. Its boxes are DINO's, except where a reference
    has its centre within a thousandth of the image's border, or a width or
    height of nearly nothing or nearly the whole image; there they can differ
    by about as much, because mmdet's DINO head clips references at 1e-5 and
    HQNet at 1e-3 (spec 8a).

    Args:
        state_dict (dict[str, Tensor]): Weights of a DINO of mmdet 3.x with
            four feature levels, or a checkpoint with them in ``state_dict``.
            Names may have the prefix ``module.``.
        num_queries (int): Number of queries to keep.
        person_index (int): Label of the class person; 0 for COCO.

    Returns:
        dict[str, Tensor]: Weights with the names of :class:`HQNet`.

    Raises:
        InputError: If it is no such DINO, or has fewer queries or classes.
    """
    weights = _weights_of(state_dict)
    missing = [name for name in DINO_WEIGHTS if name not in weights]
    if missing:
        raise InputError('these are not the weights of a DINO of mmdet 3.x: '
                         f'they lack {", ".join(missing)}')
    _check_dino(weights, num_queries, person_index)
    converted = {}
    for name, weight in weights.items():
        if name.startswith(('bbox_head.cls_branches.',
                            'dn_query_generator.label_embedding.')):
            # A copy, for a slice would be saved with all it is a slice of.
            weight = weight[person_index:person_index + 1].clone()
        elif name == 'query_embedding.weight':
            weight = weight[:num_queries].clone()
        else:
            name = re.sub(r'(?<=^neck\.convs\.)\d+',
                          lambda level: str(int(level[0]) + 1), name)
        converted[name] = weight
    return converted


def _check_dino(weights: Dict[str, Tensor], num_queries: int,
                person_index: int) -> None:
    queries, embed_dims = weights['query_embedding.weight'].shape
    if not 0 < num_queries <= queries:
        raise InputError(f'num_queries is {num_queries}, but this DINO has '
                         f'{queries} queries')
    classes = len(weights['bbox_head.cls_branches.0.weight'])
    if not 0 <= person_index < classes:
        raise InputError(f'person_index is {person_index}, but this DINO has '
                         f'{classes} classes')
    levels = len(weights['level_embed'])
    convs = sum(
        re.fullmatch(r'neck\.convs\.\d+\.conv\.weight', name) is not None
        for name in weights)
    if (levels, convs) != (4, 3):
        raise InputError(
            f'this DINO has {levels} feature levels, {convs} of them straight '
            'from the backbone; HQNet needs one with 4 and 3 (4scale)')
    inputs = weights['decoder.ref_point_head.layers.0.weight'].shape[1]
    if inputs != 2 * embed_dims:
        raise InputError(
            'this DINO was trained with another position encoding (onedl-'
            f'mmdetection 3.5 or newer): its ref_point_head has {inputs} '
            f'inputs instead of {2 * embed_dims}')


def _weights_of(checkpoint: dict) -> Dict[str, Tensor]:
    """The tensors of a checkpoint or state dict."""
    weights = checkpoint
    if isinstance(checkpoint, dict):
        weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, dict):
        raise InputError('expected weights by name, got a '
                         f'{type(weights).__name__}')
    weights = _without_wrapper(weights)
    for name, weight in weights.items():
        if not isinstance(weight, Tensor):
            raise InputError(f'{name} is not a weight but a '
                             f'{type(weight).__name__}')
    return weights


def _without_wrapper(state_dict: dict) -> dict:
    """Names without the prefix that distributed training puts before."""
    return {
        name.removeprefix('module.'): weight
        for name, weight in state_dict.items()
    }
