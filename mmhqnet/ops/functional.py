"""Multi-scale deformable attention as a function, computed in several ways.

Deformable DETR (arXiv 2010.04159), eq. 3. Each way is a file of its own:

* ``mmcv``: mmcv's CUDA operator, where mmcv was compiled with it.
* ``triton``: our Triton kernel, for GPUs without a compiler at hand.
* ``embedding_bag``: for the CPU.
* ``grid_sample``: built of operators that every exporter knows.
"""
import warnings
from functools import lru_cache
from typing import Optional, Sequence, Union

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from . import mmcv_operator
from .embedding_bag import embedding_bag_attention
from .grid_sample import grid_sample_attention
from .levels import Shapes, as_shapes, is_exporting

MIN_CAPABILITY = (7, 0)  # of a GPU that Triton compiles for
IMPLEMENTATIONS = ('auto', 'mmcv', 'triton', 'embedding_bag', 'grid_sample')


def ms_deform_attn(value: Tensor,
                   spatial_shapes: Union[Tensor, Sequence],
                   sampling_locations: Tensor,
                   attention_weights: Tensor,
                   impl: str = 'auto',
                   query_counts: Optional[Sequence[int]] = None) -> Tensor:
    """Sample multi-scale values at points and sum them up, weighted.

    Bilinear sampling as in ``F.grid_sample(align_corners=False)``: a pixel's
    centre is at half a pixel, and outside of a level all values are zero.
    Computed in float32 (float64 stays) whatever the inputs and autocast; but
    embedding bags, without gradients, read half-precision values as they are.

    Args:
        value: Projected values (bs, num_value, num_heads, dim).
        spatial_shapes: (h, w) of each level, in the order in which ``value``
            holds the levels.
        sampling_locations: (bs, num_queries, num_heads, num_levels,
            num_points, 2), x and y, where [0, 1] spans the level.
        attention_weights: (bs, num_queries, num_heads, num_levels,
            num_points).
        impl: How to compute it, see :func:`choose`.
        query_counts: Number of queries of each image. Then queries of all
            images come concatenated image by image, with batch dimension 1,
            and so does the output.

    Returns: (bs, num_queries, num_heads * dim), in the type of ``value``.

    Raises: ValueError: If the shapes do not fit together.
    """
    shapes = as_shapes(spatial_shapes)
    _check_shapes(value, shapes, sampling_locations, query_counts)
    dtype = torch.promote_types(value.dtype, torch.float32)
    impl = choose(impl, value.device, dtype)
    if impl in ('mmcv', 'triton') and sampling_locations.shape[1] == 0:
        impl = 'grid_sample'  # a kernel cannot be launched on nothing

    as_it_is = impl == 'embedding_bag' and not torch.is_grad_enabled()
    inputs = [
        value if as_it_is else value.to(dtype),
        sampling_locations.to(dtype),
        attention_weights.to(dtype)
    ]
    if impl == 'embedding_bag':
        output = embedding_bag_attention(inputs[0], shapes, *inputs[1:],
                                         query_counts)
    elif impl == 'triton':
        from .triton_kernel import triton_attention  # triton is optional
        output = triton_attention(inputs[0], shapes, *inputs[1:], query_counts)
    else:
        attend = dict(
            mmcv=mmcv_operator.mmcv_attention,
            grid_sample=grid_sample_attention)[impl]
        if query_counts is None:
            output = attend(inputs[0], shapes, *inputs[1:])
        else:
            output = _attend_padded(attend, inputs, shapes, query_counts)
    return output.to(value.dtype)


def choose(impl: str, device: torch.device, dtype: torch.dtype) -> str:
    """The way to compute it.

    Args:
        impl: One of ``IMPLEMENTATIONS``. 'auto' is the embedding bag on the
            CPU; on CUDA it is mmcv's operator, else the Triton kernel. A graph
            that is exported gets grid_sample, and so does all for which there
            is no kernel.
        device: Where the values are.
        dtype: float32 or float64.

    Returns: 'mmcv', 'triton', 'embedding_bag' or 'grid_sample'.

    Raises: ValueError: There is no such implementation.
    """
    check_impl(impl)
    if impl in ('embedding_bag', 'grid_sample'):
        return impl
    if impl == 'auto':
        if is_exporting():
            return 'grid_sample'
        if device.type == 'cpu':
            return 'embedding_bag'
    if impl != 'triton' and mmcv_operator.is_available(device):
        return 'mmcv'
    if impl != 'mmcv' and has_triton(device):
        return 'triton' if dtype == torch.float32 else 'grid_sample'
    name = 'deformable attention' if impl == 'auto' else impl
    _warn_once(f'no {name} kernel for device {device.type!r} here, the slower '
               'grid_sample is used')
    return 'grid_sample'


def check_impl(impl: str) -> None:
    """Raise ``ValueError`` if there is no such implementation."""
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f'impl is {impl!r}, use one of {IMPLEMENTATIONS}')


@lru_cache(maxsize=None)
def has_triton(device: torch.device) -> bool:
    """Whether Triton is installed and compiles for this device."""
    if device.type != 'cuda':
        return False
    if torch.cuda.get_device_capability(device) < MIN_CAPABILITY:
        return False
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


@lru_cache(maxsize=None)
def _warn_once(message: str) -> None:
    warnings.warn(message)


def _check_shapes(value: Tensor, shapes: Shapes, sampling_locations: Tensor,
                  query_counts: Optional[Sequence[int]]) -> None:
    num_tokens = sum(height * width for height, width in shapes)
    if num_tokens != value.shape[1]:
        raise ValueError(f'spatial_shapes {shapes} have {num_tokens} tokens, '
                         f'but value has {value.shape[1]}')
    if len(shapes) != sampling_locations.shape[3]:
        raise ValueError(f'{len(shapes)} spatial_shapes, but sampling points '
                         f'of {sampling_locations.shape[3]} levels')
    bs, num_queries = sampling_locations.shape[:2]
    if query_counts is None:
        if bs != len(value):
            raise ValueError(f'queries of {bs} images, values of {len(value)}')
    elif (bs, num_queries, len(query_counts)) != (1, sum(query_counts),
                                                  len(value)):
        raise ValueError(
            f'query_counts {list(query_counts)} do not fit {bs} x '
            f'{num_queries} queries and the values of {len(value)} images')


def _attend_padded(attend, inputs: Sequence[Tensor], shapes: Shapes,
                   query_counts: Sequence[int]) -> Tensor:
    """Concatenated queries, padded to the longest image and back again."""
    counts = list(query_counts)
    padded = [
        pad_sequence(x[0].split(counts), batch_first=True) for x in inputs[1:]
    ]
    output = attend(inputs[0], shapes, *padded)
    return torch.cat([x[:count] for x, count in zip(output, counts)])[None]
