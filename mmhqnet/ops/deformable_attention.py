"""Multi-scale deformable attention with a sampling code for every device.

Deformable DETR (arXiv 2010.04159), eq. 3. The parameters are those of mmcv's
``MultiScaleDeformableAttention``; how the values are sampled is a choice:

* ``mmcv``: mmcv's CUDA kernel, always in float32 or float64. In half precision
  its sampling locations are off by up to a pixel of the image.
* ``embedding_bag``: for the CPU. The output of a query and head is a weighted
  sum of ``4 * num_levels * num_points`` rows of the value map, which is what
  an embedding bag computes.
* ``grid_sample``: built of operators that every exporter knows.
"""
import math
import warnings
from functools import lru_cache
from typing import Optional, Sequence, Tuple, Union

import torch
from mmcv.ops import MultiScaleDeformableAttention, get_compiling_cuda_version
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttnFunction, multi_scale_deformable_attn_pytorch)
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmhqnet.registry import MODELS

from .embedding_bag_attention import embedding_bag_attention

IMPLEMENTATIONS = ('auto', 'mmcv', 'embedding_bag', 'grid_sample')

Shapes = Tuple[Tuple[int, int], ...]


def as_shapes(spatial_shapes: Union[Tensor, Sequence]) -> Shapes:
    """Sizes of the feature levels as Python ints.

    Args:
        spatial_shapes (Tensor | Sequence): (h, w) of each level. Prefer a
            list: reading a CUDA tensor makes the host wait for the device.

    Returns:
        tuple[tuple[int, int]]: (h, w) of each level.
    """
    if isinstance(spatial_shapes, Tensor):
        spatial_shapes = spatial_shapes.tolist()
    return tuple((int(height), int(width)) for height, width in spatial_shapes)


def ms_deform_attn(value: Tensor,
                   spatial_shapes: Union[Tensor, Sequence],
                   sampling_locations: Tensor,
                   attention_weights: Tensor,
                   impl: str = 'auto',
                   query_counts: Optional[Sequence[int]] = None,
                   im2col_step: int = 64) -> Tensor:
    """Sample multi-scale values at points and sum them up, weighted.

    Bilinear sampling as in ``F.grid_sample(align_corners=False)``: a pixel's
    centre is at half a pixel, and outside of a level all values are zero.
    Computed in float32 (float64 stays) whatever the inputs and autocast.

    Args:
        value (Tensor): Projected values (bs, num_value, num_heads, dim).
        spatial_shapes (Tensor | Sequence): (h, w) of each level, in the order
            in which ``value`` holds the levels.
        sampling_locations (Tensor): (bs, num_queries, num_heads, num_levels,
            num_points, 2), x and y, where [0, 1] spans the level.
        attention_weights (Tensor): (bs, num_queries, num_heads, num_levels,
            num_points).
        impl (str): 'auto', 'mmcv', 'embedding_bag' or 'grid_sample'.
        query_counts (Sequence[int], optional): Number of queries of each
            image. Then queries of all images come concatenated image by
            image, with batch dimension 1, and so does the output.
        im2col_step (int): Images that mmcv's kernel takes at a time.

    Returns:
        Tensor: (bs, num_queries, num_heads * dim), in the type of ``value``.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    shapes = as_shapes(spatial_shapes)
    _check_shapes(value, shapes, sampling_locations, query_counts)
    impl = _choose(impl, value.device)
    if impl == 'mmcv' and sampling_locations.shape[1] == 0:
        impl = 'grid_sample'  # the kernel cannot be launched on nothing

    dtype = _at_least_float32(value.dtype)
    inputs = [
        x.to(dtype) for x in (value, sampling_locations, attention_weights)
    ]
    if impl == 'embedding_bag':
        output = embedding_bag_attention(inputs[0], shapes, *inputs[1:],
                                         query_counts)
    elif query_counts is not None:
        output = _padded_attention(*inputs, shapes, query_counts, impl,
                                   im2col_step)
    else:
        output = _dense_attention(*inputs, shapes, impl, im2col_step)
    return output.to(value.dtype)


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


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _is_exporting() -> bool:
    # `torch.compiler.is_exporting` is younger than the oldest torch supported
    return (torch.onnx.is_in_onnx_export() or torch.jit.is_tracing()
            or torch.jit.is_scripting()
            or getattr(torch.compiler, 'is_exporting', lambda: False)())


@lru_cache(maxsize=None)
def _warn_once(message: str) -> None:
    warnings.warn(message)


def _has_mmcv_kernel(device: torch.device) -> bool:
    return (device.type == 'cuda'
            and get_compiling_cuda_version() != 'not available')


def _choose(impl: str, device: torch.device) -> str:
    """The implementation to run for ``impl`` on ``device``."""
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f'impl is {impl!r}, use one of {IMPLEMENTATIONS}')
    if impl == 'auto':
        if _is_exporting():
            return 'grid_sample'
        impl = 'embedding_bag' if device.type == 'cpu' else 'mmcv'
    if impl == 'mmcv' and not _has_mmcv_kernel(device):
        _warn_once('mmcv has no deformable attention kernel for device '
                   f"'{device.type}' here, the slower grid_sample is used")
        return 'grid_sample'
    return impl


@lru_cache(maxsize=256)
def _cached_tensor(rows: tuple, dtype: torch.dtype,
                   device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(rows, dtype=dtype, device=device)


def _constant(rows: tuple, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Small tensor of Python numbers, copied to an accelerator only once."""
    if device.type == 'cpu' or _is_exporting():
        return torch.tensor(rows, dtype=dtype, device=device)
    return _cached_tensor(rows, dtype, device)


def _level_starts(shapes: Shapes) -> Tuple[int, ...]:
    starts = [0]
    for height, width in shapes[:-1]:
        starts.append(starts[-1] + height * width)
    return tuple(starts)


def _dense_attention(value: Tensor, sampling_locations: Tensor,
                     attention_weights: Tensor, shapes: Shapes, impl: str,
                     im2col_step: int) -> Tensor:
    if impl == 'grid_sample':
        return multi_scale_deformable_attn_pytorch(value, shapes,
                                                   sampling_locations,
                                                   attention_weights)
    return MultiScaleDeformableAttnFunction.apply(
        value.contiguous(),
        _constant(shapes, torch.long, value.device),
        _constant(_level_starts(shapes), torch.long, value.device),
        sampling_locations.contiguous(),
        attention_weights.contiguous(),
        # the kernel takes a batch only in equal steps
        im2col_step if len(value) <= im2col_step else math.gcd(
            len(value), im2col_step))


def _padded_attention(value: Tensor, sampling_locations: Tensor,
                      attention_weights: Tensor, shapes: Shapes,
                      query_counts: Sequence[int], impl: str,
                      im2col_step: int) -> Tensor:
    """Concatenated queries, padded to the longest image and back again."""
    counts = list(query_counts)
    padded = [
        pad_sequence(x[0].split(counts), batch_first=True)
        for x in (sampling_locations, attention_weights)
    ]
    output = _dense_attention(value, *padded, shapes, impl, im2col_step)
    return torch.cat([x[:count] for x, count in zip(output, counts)])[None]


@MODELS.register_module()
class MSDeformAttention(MultiScaleDeformableAttention):
    """Multi-scale deformable attention, mmcv's layer with a choice of code.

    NOTE: it stays a ``MultiScaleDeformableAttention``, so parameter names,
    initialisation and checkpoints are mmcv's, and mmdet's detectors find it
    when they initialise their weights.

    Args:
        embed_dims (int): Dimensions of queries and values.
        num_heads (int): Attention heads.
        num_levels (int): Feature levels.
        num_points (int): Sampling points per head and level.
        im2col_step (int): Images that mmcv's kernel takes at a time; the
            largest fitting step is used where it does not divide the batch.
        dropout (float): Dropout of the output.
        batch_first (bool): Inputs are (bs, n, embed_dims), else
            (n, bs, embed_dims).
        norm_cfg (dict, optional): Unused, kept for mmcv's configs.
        init_cfg (dict, optional): Initialisation of mmengine.
        value_proj_ratio (float): Width of the values over ``embed_dims``.
        impl (str): 'mmcv', 'embedding_bag', 'grid_sample', or 'auto': mmcv's
            kernel on CUDA, the embedding bag on the CPU, and grid_sample
            where a model is exported or mmcv has no kernel.
    """

    def __init__(self, *args, impl: str = 'auto', **kwargs) -> None:
        if impl not in IMPLEMENTATIONS:
            raise ValueError(f'impl is {impl!r}, use one of {IMPLEMENTATIONS}')
        super().__init__(*args, **kwargs)
        self.impl = impl

    def project_value(self,
                      value: Tensor,
                      key_padding_mask: Optional[Tensor] = None) -> Tensor:
        """Values of all heads, which depend on the image only.

        Args:
            value (Tensor): Features (bs, num_value, embed_dims), or
                (num_value, bs, embed_dims) without ``batch_first``.
            key_padding_mask (Tensor, optional): True or non-zero where padded,
                (bs, num_value).

        Returns:
            Tensor: (bs, num_value, num_heads, dim), zero where padded.
        """
        if not self.batch_first:
            value = value.transpose(0, 1)
        value = self.value_proj(value)
        if key_padding_mask is not None:
            value = value.masked_fill(key_padding_mask.bool()[..., None], 0.)
        return value.unflatten(-1, (self.num_heads, -1))

    def sampling_locations(self, query: Tensor, reference_points: Tensor,
                           shapes: Shapes) -> Tensor:
        """Where the queries look.

        Args:
            query (Tensor): (bs, num_queries, embed_dims).
            reference_points (Tensor): Points x, y or boxes cx, cy, w, h in
                [0, 1] for each level, (bs, num_queries, num_levels, 2 or 4).
                Offsets are in pixels of the level around points, and relative
                to the size of boxes.
            shapes (tuple): (h, w) of each level.

        Returns:
            Tensor: (bs, num_queries, num_heads, num_levels, num_points, 2).
        """
        offsets = self.sampling_offsets(query).unflatten(
            -1, (self.num_heads, self.num_levels * self.num_points * 2))
        offsets = offsets.to(_at_least_float32(offsets.dtype))
        reference_points = reference_points.to(offsets.dtype)
        centres = reference_points[..., :2]
        if reference_points.shape[-1] == 2:
            pixels = tuple((1 / width, 1 / height) for height, width in shapes)
            scale = _constant(pixels, offsets.dtype, offsets.device)
        elif reference_points.shape[-1] == 4:
            scale = reference_points[..., 2:] * (0.5 / self.num_points)
        else:
            raise ValueError('the last dimension of reference_points must be '
                             f'2 or 4, but is {reference_points.shape[-1]}')

        def per_point(x: Tensor) -> Tensor:
            # (..., num_levels, 2) -> (..., 1, num_levels * num_points * 2);
            # long rows, because short ones are slow to broadcast
            rows = x.repeat_interleave(self.num_points, -2).flatten(-2)
            return rows.unsqueeze(-2)

        locations = torch.addcmul(
            per_point(centres), offsets, per_point(scale))
        return locations.unflatten(-1, (self.num_levels, self.num_points, 2))

    def forward(self,
                query: Tensor,
                key: Optional[Tensor] = None,
                value: Optional[Tensor] = None,
                identity: Optional[Tensor] = None,
                query_pos: Optional[Tensor] = None,
                key_padding_mask: Optional[Tensor] = None,
                reference_points: Optional[Tensor] = None,
                spatial_shapes: Union[Tensor, Sequence, None] = None,
                level_start_index: Optional[Tensor] = None,
                projected_value: Optional[Tensor] = None,
                query_counts: Optional[Sequence[int]] = None,
                **kwargs) -> Tensor:
        """Attend to the values around the reference points.

        Args:
            query (Tensor): (bs, num_queries, embed_dims), or
                (num_queries, bs, embed_dims) without ``batch_first``.
            key (Tensor, optional): Unused.
            value (Tensor, optional): Features (bs, num_value, embed_dims),
                by default ``query``.
            identity (Tensor, optional): Added to the output, by default
                ``query``.
            query_pos (Tensor, optional): Positional encoding of ``query``.
            key_padding_mask (Tensor, optional): (bs, num_value), non-zero
                where padded.
            reference_points (Tensor): (bs, num_queries, num_levels, 2 or 4)
                in [0, 1], also without ``batch_first``.
            spatial_shapes (Tensor | Sequence): (h, w) of each level, best as
                a list of Python ints.
            level_start_index (Tensor, optional): Unused, it follows from
                ``spatial_shapes``.
            projected_value (Tensor, optional): Result of
                :meth:`project_value`, instead of ``value`` and
                ``key_padding_mask``.
            query_counts (Sequence[int], optional): Number of queries of each
                image, where the queries of all images come concatenated with
                batch dimension 1. The values still have one row per image.

        Returns:
            Tensor: Of the shape of ``query``.
        """
        if identity is None:
            identity = query
        if projected_value is None:
            projected_value = self.project_value(
                query if value is None else value, key_padding_mask)
        if query_pos is not None:
            query = query + query_pos
        if not self.batch_first:
            query = query.transpose(0, 1)

        shapes = as_shapes(spatial_shapes)
        attention_weights = self.attention_weights(query).unflatten(
            -1, (self.num_heads, self.num_levels * self.num_points))
        attention_weights = attention_weights.softmax(-1).unflatten(
            -1, (self.num_levels, self.num_points))
        output = ms_deform_attn(
            projected_value,
            shapes,
            self.sampling_locations(query, reference_points, shapes),
            attention_weights,
            impl=self.impl,
            query_counts=query_counts,
            im2col_step=self.im2col_step)
        output = self.output_proj(output)
        if not self.batch_first:
            output = output.transpose(0, 1)
        return self.dropout(output) + identity
