"""Make a checkpoint of a training a model that is small enough to ship."""
import io
from pathlib import Path
from typing import Dict, Set

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmhqnet.checkpoints import read_checkpoint, without_wrapper
from mmhqnet.checkpoints.shipped import digest
from mmhqnet.errors import InputError
from mmhqnet.files import replacing

from .inferencer import HQNetInferencer


class WeightsRead(TorchDispatchMode):
    """Notes the memory that operators read while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run the operator."""
        kwargs = kwargs or {}
        self.places |= {
            _place(leaf)
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, Tensor)
        }
        return func(*args, **kwargs)

    def names(self, model: nn.Module) -> Set[str]:
        """Names of the weights that were read."""
        return {
            name
            for name, weight in model.state_dict().items()
            if _place(weight) in self.places
        }


def ship(config: Config, source: str, folder: Path, name: str,
         about: Dict[str, str]) -> Path:
    """Write weights and config for prediction alone, in half precision.

    Weights that no prediction reads (heads of other layers than the last, the
    embedding of the denoising labels, heat maps) stay behind; their names are
    listed as ``training_only``. Vectors keep full precision: biases and
    statistics are few, and variances may be tiny.

    Args:
        config: What the checkpoint was trained with.
        source: The checkpoint; with averaged weights in ``state_dict``,
            where MMEngine's ``EMAHook`` leaves them.
        folder: Gets the file; another version of the same model goes.
        about: Facts for people, text by title, kept with the weights.

    Returns: The file; its name ends in the digest of its content.

    Raises: InputError: If checkpoint and config are at fault, or the file
        finds other persons than the checkpoint does.
    """
    config = Config(config.to_dict())
    config.model.backbone.init_cfg = None  # the weights are here
    picture = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    inferencer = HQNetInferencer(config, source, 'cpu', show_progress=False)
    with WeightsRead() as read:
        before = inferencer(picture)['predictions'][0]
    needed = read.names(inferencer.model)
    checkpoint = read_checkpoint(source, weights_only=True)
    weights = without_wrapper(checkpoint['state_dict'])
    heads = config.model.get('bbox_head', {}).get('task_heads') or {}
    meta = dict(
        cfg=config.pretty_text,
        dataset_meta=dict(classes=('person', )),
        model=name,
        tasks=['box', *(task for task, head in heads.items() if head)],
        iter=checkpoint.get('meta', {}).get('iter', 0),
        about=dict(about),
        training_only=sorted(weights.keys() - needed))
    weights = {
        key:
        weight.half()
        if weight.is_floating_point() and weight.dim() > 1 else weight.clone()
        for key, weight in weights.items() if key in needed
    }
    content = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=weights), content)
    content = content.getvalue()
    target = folder / f'{name}-{digest(content)}.pth'
    with replacing(target) as unfinished:
        unfinished.write_bytes(content)
        shipped = HQNetInferencer(
            None, str(unfinished), 'cpu', show_progress=False)
        _compare(before, shipped(picture)['predictions'][0], source)
    for version in folder.glob(f'{name}-????????.pth'):
        if version != target:
            version.unlink()
    return target


def _place(tensor: Tensor) -> int:
    """Where the memory of a tensor, or of what it is a view of, begins."""
    return tensor.untyped_storage().data_ptr()


def _compare(before: dict, after: dict, source: str) -> None:
    """See to it that half precision changes next to nothing."""
    gap = np.abs(np.subtract(before['scores'], after['scores'])).max(initial=0)
    if not gap < 0.01:
        raise InputError(f'in half precision, {source} gives scores that '
                         f'differ by {gap:.3f}; are its weights finite?')
