"""Multi-scale deformable attention as a Triton kernel.

Triton compiles for the GPU at run time, without nvcc; a GPU build of PyTorch
brings it along. One program works on a few *rows*: a row is a query and a
head, as in ``locations`` and ``output``. Everything is float32.
"""
from typing import Optional, Sequence, Tuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .levels import Shapes, constant, level_starts

ROWS_PER_PROGRAM = 16


def triton_attention(value: Tensor,
                     shapes: Shapes,
                     sampling_locations: Tensor,
                     attention_weights: Tensor,
                     query_counts: Optional[Sequence[int]] = None) -> Tensor:
    """Sample with our kernel; see :func:`ms_deform_attn`.

    All tensors are float32, and there is at least one query.
    """
    bs, _, num_heads, dim = value.shape
    queries = attention_weights.shape[:2]
    if query_counts is None:
        images = torch.arange(bs, device=value.device)[:, None].expand(queries)
    else:
        images = torch.arange(bs).repeat_interleave(torch.tensor(query_counts))
        images = images.to(value.device, non_blocking=True)
    levels = tuple(
        (*shape, start) for shape, start in zip(shapes, level_starts(shapes)))
    output = _TritonAttention.apply(
        value.contiguous(), constant(levels, torch.int32, value.device),
        images.contiguous(), sampling_locations.contiguous(),
        attention_weights.contiguous())
    return output.view(*queries, num_heads * dim)


@triton.jit
def _find_rows(images, num_rows, num_tokens, HEADS: tl.constexpr,
               DIM: tl.constexpr, ROWS: tl.constexpr):
    """Rows of this program, which of them exist, and where in the values the
    first pixel of a row's image and head is; each (ROWS, )."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    exists = row < num_rows
    image = tl.load(images + row // HEADS, mask=exists, other=0)
    return row, exists, (image * num_tokens * HEADS + row % HEADS) * DIM


@triton.jit
def _find_cell(locations, levels, sample, level, exists):
    """Cells of 2 x 2 neighbouring pixels around sampling points.

    A cell is named after its upper left pixel, which may be outside.

    Returns the level's first token, height and width; x and y of the cell,
    and the point's distance from there, each (ROWS, ).
    """
    height = tl.load(levels + 3 * level)
    width = tl.load(levels + 3 * level + 1)
    start = tl.load(levels + 3 * level + 2)
    x = tl.load(locations + 2 * sample, mask=exists, other=0.) * width - 0.5
    y = tl.load(
        locations + 2 * sample + 1, mask=exists, other=0.) * height - 0.5
    # points far away, which int32 could not name, come nearer, still outside
    x = tl.where(x < -1., -2., tl.where(x > width, width.to(tl.float32), x))
    y = tl.where(y < -1., -2., tl.where(y > height, height.to(tl.float32), y))
    left, top = tl.math.floor(x), tl.math.floor(y)
    return (start, height, width, left.to(tl.int32), top.to(tl.int32),
            x - left, y - top)


@triton.jit
def _find_pixel(first, start, height, width, x, y, exists,
                STRIDE: tl.constexpr, DIM: tl.constexpr,
                BLOCK_DIM: tl.constexpr):
    """Places of pixels in the values, and which of them exist, both (ROWS,
    BLOCK_DIM)."""
    inside = exists & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    place = first + (start + y * width + x).to(tl.int64) * STRIDE
    channel = tl.arange(0, BLOCK_DIM)
    return (place[:, None] + channel[None, :],
            inside[:, None] & (channel < DIM)[None, :])


@triton.jit
def _forward_kernel(value, levels, images, locations, attention, output,
                    num_rows, num_tokens, HEADS: tl.constexpr,
                    LEVELS: tl.constexpr, POINTS: tl.constexpr,
                    DIM: tl.constexpr, BLOCK_DIM: tl.constexpr,
                    ROWS: tl.constexpr):
    row, exists, first = _find_rows(images, num_rows, num_tokens, HEADS, DIM,
                                    ROWS)
    total = tl.zeros((ROWS, BLOCK_DIM), dtype=tl.float32)
    for point in range(LEVELS * POINTS):
        sample = row * (LEVELS * POINTS) + point
        weight = tl.load(attention + sample, mask=exists, other=0.)
        start, height, width, left, top, x, y = _find_cell(
            locations, levels, sample, point // POINTS, exists)
        for corner in tl.static_range(4):
            right, down = corner % 2, corner // 2
            share = ((1 - right + (2 * right - 1) * x) * (1 - down +
                                                          (2 * down - 1) * y))
            place, inside = _find_pixel(first, start, height, width,
                                        left + right, top + down, exists,
                                        HEADS * DIM, DIM, BLOCK_DIM)
            pixel = tl.load(value + place, mask=inside, other=0.)
            total += (weight * share)[:, None] * pixel
    channel = tl.arange(0, BLOCK_DIM)
    tl.store(
        output + row[:, None] * DIM + channel[None, :],
        total,
        mask=exists[:, None] & (channel < DIM)[None, :])


@triton.jit
def _backward_kernel(value, levels, images, locations, attention, grad_output,
                     grad_value, grad_locations, grad_attention, num_rows,
                     num_tokens, HEADS: tl.constexpr, LEVELS: tl.constexpr,
                     POINTS: tl.constexpr, DIM: tl.constexpr,
                     BLOCK_DIM: tl.constexpr, ROWS: tl.constexpr,
                     OF_VALUE: tl.constexpr):
    row, exists, first = _find_rows(images, num_rows, num_tokens, HEADS, DIM,
                                    ROWS)
    channel = tl.arange(0, BLOCK_DIM)
    grad = tl.load(
        grad_output + row[:, None] * DIM + channel[None, :],
        mask=exists[:, None] & (channel < DIM)[None, :],
        other=0.)
    for point in range(LEVELS * POINTS):
        sample = row * (LEVELS * POINTS) + point
        weight = tl.load(attention + sample, mask=exists, other=0.)
        start, height, width, left, top, x, y = _find_cell(
            locations, levels, sample, point // POINTS, exists)
        grad_weight = tl.zeros((ROWS, ), dtype=tl.float32)
        grad_x = tl.zeros((ROWS, ), dtype=tl.float32)
        grad_y = tl.zeros((ROWS, ), dtype=tl.float32)
        for corner in tl.static_range(4):
            right, down = corner % 2, corner // 2
            share_x = 1 - right + (2 * right - 1) * x
            share_y = 1 - down + (2 * down - 1) * y
            place, inside = _find_pixel(first, start, height, width,
                                        left + right, top + down, exists,
                                        HEADS * DIM, DIM, BLOCK_DIM)
            # how the loss changes with the share of this pixel, (ROWS, )
            pixel = tl.load(value + place, mask=inside, other=0.)
            grad_share = tl.sum(pixel * grad, axis=1)
            grad_weight += grad_share * share_x * share_y
            grad_x += grad_share * (2 * right - 1) * share_y
            grad_y += grad_share * (2 * down - 1) * share_x
            if OF_VALUE:
                tl.atomic_add(
                    grad_value + place,
                    (weight * share_x * share_y)[:, None] * grad,
                    mask=inside,
                    sem='relaxed')
        tl.store(grad_attention + sample, grad_weight, mask=exists)
        tl.store(
            grad_locations + 2 * sample, grad_x * weight * width, mask=exists)
        tl.store(
            grad_locations + 2 * sample + 1,
            grad_y * weight * height,
            mask=exists)


class _TritonAttention(Function):
    """The kernels as a function with a gradient; saves only its inputs."""

    @staticmethod
    def forward(ctx, value: Tensor, levels: Tensor, images: Tensor,
                locations: Tensor, attention: Tensor) -> Tensor:
        """Sum of the sampled values.

        Args:
            value: (bs, num_tokens, M, dim).
            levels: Height, width and first token of each level, int32 (L, 3).
            images: Index of each query's image, int64, Q of them.
            locations: Normalised sampling points, Q * M * L * P * 2.
            attention: Attention weights (..., M, L, P).

        Returns: (Q, M, dim).
        """
        inputs = (value, levels, images, locations, attention)
        ctx.save_for_backward(*inputs)
        output = value.new_empty(images.numel(), *value.shape[2:])
        _launch(_forward_kernel, inputs, (output, ))
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output: Tensor) -> Tuple[Optional[Tensor], ...]:
        """Gradients of ``value``, ``locations`` and ``attention``."""
        value, _, _, locations, attention = ctx.saved_tensors
        of_value = ctx.needs_input_grad[0]
        grads = (torch.zeros_like(value) if of_value else value,
                 torch.empty_like(locations), torch.empty_like(attention))
        _launch(
            _backward_kernel,
            ctx.saved_tensors, (grad_output.contiguous(), *grads),
            OF_VALUE=of_value)
        return grads[0] if of_value else None, None, None, *grads[1:]


def _launch(kernel, inputs: Sequence[Tensor], results: Sequence[Tensor],
            **options) -> None:
    """Run a kernel on all rows."""
    value, _, images, _, attention = inputs
    _, num_tokens, heads, dim = value.shape
    num_rows = images.numel() * heads
    grid = (triton.cdiv(num_rows, ROWS_PER_PROGRAM), )
    with torch.cuda.device_of(value):  # Triton takes the current device
        kernel[grid](
            *inputs,
            *results,
            num_rows,
            num_tokens,
            HEADS=heads,
            LEVELS=attention.shape[-2],
            POINTS=attention.shape[-1],
            DIM=dim,
            BLOCK_DIM=triton.next_power_of_2(dim),
            ROWS=ROWS_PER_PROGRAM,
            **options)
