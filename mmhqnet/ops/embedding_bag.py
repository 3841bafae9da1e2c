"""Multi-scale deformable attention on the CPU, as embedding bags.

For one query and one head, deformable attention is a weighted sum of
``4 * num_levels * num_points`` rows of the value map: four pixels around
each sampling point, each with the attention weight times the bilinear weight.
That is what an embedding bag computes, and PyTorch has a fast one for CPUs.

Names of sizes below: ``Q`` queries of all images, ``M`` heads, ``P`` sampling
points of a head (num_levels * num_points), ``K = M * P`` points of a query.
The values are a ``table`` of ``R = bs * num_value * M`` rows.
"""
import warnings
from functools import lru_cache
from typing import Iterator, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .levels import Shapes

# Sampling points that are worked on at a time, so that intermediate results
# stay in the processor's cache.
CHUNK = 65536


def embedding_bag_attention(
        value: Tensor,
        spatial_shapes: Shapes,
        sampling_locations: Tensor,
        attention_weights: Tensor,
        query_counts: Optional[Sequence[int]] = None) -> Tensor:
    """Sample with embedding bags; see :func:`ms_deform_attn`.

    All tensors are of one type, float32 or float64; without gradients the
    values may be of half precision.
    """
    bs, num_value, num_heads, dim = value.shape
    queries = attention_weights.shape[:2]
    if query_counts is None:
        query_counts = [queries[1]] * bs
    with torch.inference_mode(False):  # cached tensors are for all modes
        levels = _make_levels(
            spatial_shapes, num_heads, attention_weights.shape[-1],
            sampling_locations.dtype,
            torch.int32 if value[..., 0].numel() < 2**31 else torch.int64,
            value.device)
    rows_per_image = num_value * num_heads
    first_rows = rows_per_image * torch.arange(
        bs, dtype=levels.row.dtype, device=value.device)
    output = _EmbeddingBagAttention.apply(
        value.reshape(-1, dim),
        sampling_locations.reshape(-1, levels.row.numel(), 2),
        attention_weights.reshape(-1, levels.row.numel()),
        first_rows.repeat_interleave(
            torch.tensor(query_counts, device=value.device),
            output_size=sum(query_counts))[:, None], levels)
    return output.view(*queries, num_heads * dim)


class _Levels(NamedTuple):
    """Where the pixels of each of the K points' levels are in the table.

    A bilinear sample lies in a cell of 2 x 2 neighbouring pixels of its
    level, which is named after its upper left one. Heads are adjacent rows.

    Args:
        size: Width and height of the level, (2, 1, K).
        last_cell: Last cell along x and y, (2, 1, K).
        steps: Distance of a cell's pixels to its first one along x and y, (2,
            2, 1, K): 0 and 1; but 0 and infinity where a level is one pixel
            thin, so that the second pixel gets no weight.
        row, last_row, line: Row of the level's first pixel and of its last
            cell, and rows between two lines, each (K, ).
        corners: Rows between a cell and its pixels, (2, 2, 1, K).
    """
    shapes: Shapes
    num_heads: int
    size: Tensor
    last_cell: Tensor
    steps: Tensor
    row: Tensor
    last_row: Tensor
    line: Tensor
    corners: Tensor

    @property
    def points_per_head(self) -> int:
        return self.row.numel() // self.num_heads


@lru_cache(maxsize=64)
def _make_levels(spatial_shapes: Shapes, num_heads: int, num_points: int,
                 dtype: torch.dtype, index_dtype: torch.dtype,
                 device: torch.device) -> _Levels:
    """Positions of ``num_points`` points in each level and head."""
    index = dict(dtype=index_dtype, device=device)
    heights, widths = torch.tensor(spatial_shapes, **index).T
    starts = (heights * widths).cumsum(0, dtype=heights.dtype)
    starts = starts - heights * widths

    def per_point(levels: Tensor) -> Tensor:
        # (..., num_levels) -> (..., K)
        one_head = levels.repeat_interleave(num_points, -1)
        return one_head.repeat(*[1] * (levels.dim() - 1), num_heads)

    sizes = torch.stack((widths, heights))
    last_cells = (sizes - 2).clamp(min=0)
    far_steps = torch.where(sizes > 1, 1., float('inf')).to(dtype)
    heads = torch.arange(num_heads, **index)
    row = per_point(starts) * num_heads + heads.repeat_interleave(
        len(spatial_shapes) * num_points)
    right, down = num_heads * (sizes > 1) * torch.stack(
        (torch.ones_like(widths), widths))
    corners = torch.stack((torch.zeros_like(right), right, down, right + down))
    line = per_point(widths) * num_heads
    last_x, last_y = per_point(last_cells)
    return _Levels(
        shapes=spatial_shapes,
        num_heads=num_heads,
        size=per_point(sizes)[:, None].to(dtype),
        last_cell=per_point(last_cells)[:, None].to(dtype),
        steps=per_point(torch.stack(
            (torch.zeros_like(far_steps), far_steps)))[:, :, None],
        row=row,
        last_row=row + last_y * line + last_x * num_heads,
        line=line,
        corners=per_point(corners).view(2, 2, 1, -1))


class _Cells(NamedTuple):
    """Cells around n * K sampling points, and interpolation in them.

    Args:
        rows: Rows of the cells' first pixels (n, K).
        distances, weights: From first and second pixel to the point, and their
            linear weights, along x and y, (2, 2, n, K).
    """
    rows: Tensor
    distances: Tensor
    weights: Tensor

    def bilinear(self) -> Tensor:
        """Weights of upper and lower, left and right pixel (2, 2, n, K)."""
        x, y = self.weights.unbind(1)
        return y[:, None] * x

    def slopes(self) -> Tensor:
        """Derivatives of ``weights`` (from the right, where they jump)."""
        whole = self.distances.floor()
        return _hat(whole + 1).sub_(_hat(whole))


def _hat(x: Tensor) -> Tensor:
    """1 at 0, falling to 0 at -1 and 1, and 0 beyond."""
    return torch.relu_(1 - x.abs())


def _find_cells(locations: Tensor, image_rows: Tensor,
                levels: _Levels) -> _Cells:
    """Cells around normalised points (n, K, 2).

    A point outside of the level belongs to the nearest cell; its weights are
    zero, up to one pixel around the level, where they fade out. Images begin
    at the rows ``image_rows`` (n, 1).
    """
    position = locations.movedim(-1, 0).clone(
        memory_format=torch.contiguous_format)  # (2, n, K)
    position.mul_(levels.size).sub_(0.5)
    first = position.floor().clamp_(
        torch.zeros_like(levels.last_cell), levels.last_cell)
    distances = position.sub_(first) - levels.steps
    x, y = first.to(levels.row.dtype)
    rows = y.mul_(levels.line).add_(x, alpha=levels.num_heads).add_(levels.row)
    # a location that is not a number has no cell, but must not crash
    rows = rows.clamp_(levels.row, levels.last_row).add_(image_rows)
    return _Cells(rows, distances, _hat(distances))


def _chunks(num_queries: int, points_per_query: int) -> Iterator[slice]:
    step = max(1, CHUNK // points_per_query)
    for start in range(0, num_queries, step):
        yield slice(start, start + step)


class _EmbeddingBagAttention(Function):
    """Sum of bilinear samples with a hand-written gradient.

    Like mmcv's kernel it saves only its inputs; nothing of the size of all
    sampled values, (Q, K, dim), ever exists.
    """

    @staticmethod
    def forward(ctx, table: Tensor, locations: Tensor, attention: Tensor,
                image_rows: Tensor, levels: _Levels) -> Tensor:
        """Sum of the sampled rows, (Q, M * dim).

        Args:
            table: Values (R, dim).
            locations: Normalised sampling points (Q, K, 2).
            attention: Attention weights (Q, K).
            image_rows: First row of each query's image (Q, 1).
        """
        ctx.save_for_backward(table, locations, attention, image_rows)
        ctx.levels = levels
        output = table.new_empty(
            len(attention), levels.num_heads * table.shape[1])
        for part in _chunks(*attention.shape):
            cells = _find_cells(locations[part], image_rows[part], levels)
            rows = cells.rows + levels.corners
            weights = cells.bilinear().mul_(attention[part]).to(table.dtype)
            samples = F.embedding_bag(
                rows.view(-1, levels.points_per_head),
                table,
                mode='sum',
                per_sample_weights=weights.view(-1, levels.points_per_head))
            halves = samples.view(2, 2, -1, output.shape[1])
            # NOTE in half precision faster than a sum over a dimension
            torch.add(*(halves[0] + halves[1]), out=output[part])
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output: Tensor) -> Tuple[Optional[Tensor], ...]:
        """Gradients of ``table``, ``locations`` and ``attention``."""
        table, locations, attention, image_rows = ctx.saved_tensors
        levels = ctx.levels
        grad_output = grad_output.contiguous()
        grad_locations = torch.empty_like(locations)
        grad_attention = torch.empty_like(attention)
        all_rows = torch.empty_like(attention, dtype=levels.row.dtype)
        all_weights = attention.new_empty(4, *attention.shape)
        for part in _chunks(*attention.shape):
            cells = _find_cells(locations[part], image_rows[part], levels)
            (x, y), (slope_x, slope_y) = (cells.weights.unbind(1),
                                          cells.slopes().unbind(1))

            # how the loss changes with the weight of each pixel
            grads = _row_products(cells.rows + levels.corners, table,
                                  grad_output[part], levels)
            grad_lines = (grads * x).sum(1)  # upper and lower, (2, n, K)
            torch.sum(grad_lines * y, 0, out=grad_attention[part])
            grad_position = torch.stack((((grads * slope_x).sum(1) * y).sum(0),
                                         (grad_lines * slope_y).sum(0)))
            grad_position.mul_(attention[part]).mul_(levels.size)
            grad_locations[part] = grad_position.movedim(0, -1)

            all_rows[part] = cells.rows
            torch.mul(
                cells.bilinear().flatten(0, 1),
                attention[part],
                out=all_weights[:, part])
        grad_table = None
        if ctx.needs_input_grad[0]:
            grad_table = _sum_at_rows(all_rows, all_weights, grad_output,
                                      table, levels)
        return grad_table, grad_locations, grad_attention, None, None


@lru_cache(maxsize=None)
def _silence_csr_notice() -> None:
    """Let PyTorch say once, unheard, that its CSR tensors are in beta."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.zeros(1, 1).to_sparse_csr()


def _row_products(rows: Tensor, table: Tensor, grad_output: Tensor,
                  levels: _Levels) -> Tensor:
    """Products of table rows with the output gradients of their bags.

    Of rows (R, dim) at the cells' pixels (2, 2, n, K) with (n, M * dim):
    (2, 2, n, K).
    """
    # a sampled matrix product: of all (bags x rows) products only those asked
    _silence_csr_notice()
    bags = grad_output.view(-1, table.shape[1]).repeat(4, 1)
    if len(table) < levels.points_per_head:
        # PyTorch takes it that a row cannot have more entries than columns
        table = F.pad(table, (0, 0, 0, levels.points_per_head - len(table)))
    ends = torch.arange(
        0,
        rows.numel() + 1,
        levels.points_per_head,
        dtype=rows.dtype,
        device=rows.device)
    wanted = torch.sparse_csr_tensor(
        ends,
        rows.view(-1),
        table.new_zeros(rows.numel()),
        size=(len(bags), len(table)),
        check_invariants=False)
    products = torch.sparse.sampled_addmm(wanted, bags, table.T, beta=0)
    return products.values().view(rows.shape)


def _sum_at_rows(rows: Tensor, weights: Tensor, grad_output: Tensor,
                 table: Tensor, levels: _Levels) -> Tensor:
    """Gradient (R, dim) of the table.

    Sorted by row, the transposed problem is one of embedding bags, too: the
    bag of a row are the points which sampled it. ``rows`` are (Q, K),
    ``weights`` of the four pixels (4, Q, K), ``grad_output`` (Q, M * dim).
    """
    grads = grad_output.view(-1, table.shape[1])
    bags = torch.arange(
        len(grads),
        device=rows.device).repeat_interleave(levels.points_per_head)
    if rows.numel() < len(table):
        # few points: most of the work is to write the table, so do it once
        rows = rows + levels.corners.flatten(0, 1)
        return next(
            _sum_bags(
                rows.view(-1), weights.view(1, -1), bags.repeat(4), grads,
                len(table)))

    # many points: most of the work is to sort, so sort cells, not pixels
    counts = [height * width for height, width in levels.shapes]
    by_token = (-1, sum(counts), levels.num_heads * table.shape[1])
    corners = _sum_bags(
        rows.view(-1), weights.flatten(1), bags, grads, len(table))
    grad_table = next(corners).view(by_token)
    for (down, right), corner in zip(((0, 1), (1, 0), (1, 1)), corners):
        for to_level, from_level, (_, width) in zip(
                grad_table.split(counts, 1),
                corner.view(by_token).split(counts, 1), levels.shapes):
            shift = down * width + right
            pixels = max(to_level.shape[1] - shift, 0)
            to_level[:, shift:shift + pixels] += from_level[:, :pixels]
    return grad_table.view(table.shape)


def _sum_bags(rows: Tensor, weights: Tensor, bags: Tensor, grads: Tensor,
              num_rows: int) -> Iterator[Tensor]:
    """Weighted sums of gradients (Q * M, dim) at table rows.

    Args:
        rows, bags: Row to add to, and index of the gradient to add, (n, ).
        weights: Factors, a set for each result (m, n).

    Yields: (num_rows, dim), m times.
    """
    rows, order = rows.sort()
    ends = torch.bincount(rows, minlength=num_rows).cumsum(0)
    bags = bags.index_select(0, order)
    for each in weights:
        yield F.embedding_bag(
            bags,
            grads,
            F.pad(ends, (1, 0)),
            mode='sum',
            per_sample_weights=each.index_select(0, order),
            include_last_offset=True)
