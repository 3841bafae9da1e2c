"""Sizes of the feature levels, and small constants on a device."""
from functools import lru_cache
from typing import Sequence, Tuple, Union

import torch
from torch import Tensor

Shapes = Tuple[Tuple[int, int], ...]


def as_shapes(spatial_shapes: Union[Tensor, Sequence]) -> Shapes:
    """Sizes (h, w) of the feature levels as Python ints.

    Prefer a list: reading a CUDA tensor makes the host wait for the device.
    """
    if isinstance(spatial_shapes, Tensor):
        spatial_shapes = spatial_shapes.tolist()
    return tuple((int(height), int(width)) for height, width in spatial_shapes)


def level_starts(shapes: Shapes) -> Tuple[int, ...]:
    """First token of each level."""
    starts = [0]
    for height, width in shapes[:-1]:
        starts.append(starts[-1] + height * width)
    return tuple(starts)


def constant(numbers: tuple, dtype: torch.dtype,
             device: torch.device) -> Tensor:
    """Tensor of a few Python numbers, copied to an accelerator only once."""
    if device.type == 'cpu' or is_exporting():
        return torch.tensor(numbers, dtype=dtype, device=device)
    return _cached_tensor(numbers, dtype, device)


@lru_cache(maxsize=256)
def _cached_tensor(numbers: tuple, dtype: torch.dtype,
                   device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=dtype, device=device)


def is_exporting() -> bool:
    """Whether a graph is being recorded rather than a result computed."""
    # `torch.compiler.is_exporting` is younger than the oldest torch supported
    return (torch.onnx.is_in_onnx_export() or torch.jit.is_tracing()
            or torch.jit.is_scripting()
            or getattr(torch.compiler, 'is_exporting', lambda: False)())
