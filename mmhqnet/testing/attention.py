"""Inputs of deformable attention, and all that an implementation gives."""
from typing import Callable, List, Sequence, Tuple

import torch
from torch import Tensor

SHAPES = ((6, 9), (3, 5), (2, 2))
THIN_SHAPES = ((1, 7), (5, 1), (1, 1), (4, 3))


def random_attention_inputs(
        shapes: Sequence[Tuple[int, int]] = SHAPES,
        bs: int = 2,
        num_queries: int = 7,
        num_heads: int = 3,
        dim: int = 4,
        num_points: int = 2,
        dtype: torch.dtype = torch.float64) -> List[Tensor]:
    """Leaves that want gradients; the same at every call.

    Returns:
        list[Tensor]: Values (bs, num_tokens, num_heads, dim), sampling
        locations (bs, num_queries, num_heads, num_levels, num_points, 2),
        half of which are outside, and weights (bs, num_queries, num_heads,
        num_levels, num_points).
    """
    generator = torch.Generator().manual_seed(0)

    def rand(*size):
        return torch.rand(*size, generator=generator, dtype=torch.float64)

    num_tokens = sum(height * width for height, width in shapes)
    points = (bs, num_queries, num_heads, len(shapes), num_points)
    inputs = (rand(bs, num_tokens, num_heads, dim) - 0.5,
              rand(*points, 2) * 1.4 - 0.2, rand(*points))
    return [x.to(dtype).requires_grad_() for x in inputs]


def output_and_gradients(attend: Callable[..., Tensor],
                         inputs: Sequence[Tensor]) -> Tuple[Tensor, ...]:
    """What an implementation computes.

    Args:
        attend: Takes values, locations and weights.
        inputs: Leaves that want gradients.

    Returns: The output, and the gradient of each input.
    """
    output = attend(*inputs)
    direction = torch.arange(output.numel(), dtype=output.dtype).cos()
    direction = direction.to(output.device).view_as(output)
    return (output, *torch.autograd.grad(output, inputs, direction))
