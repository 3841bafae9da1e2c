"""B8: deformable attention against mmcv's fallback for the CPU."""
import math
from functools import partial
from itertools import product
from typing import Callable, List, Tuple

import torch
from mmcv.ops.multi_scale_deform_attn import \
    multi_scale_deformable_attn_pytorch

from mmhqnet.ops import functional, mmcv_operator, ms_deform_attn

from .measure import Options, interleave
from .report import Check, Row

SIZES = ((480, 640), (800, 800))
HEADS, DIMS, POINTS = 8, 32, 4
# Queries: one per token in the encoder, then detection, and the refinement
# of 100 poses of 17 keypoints.
QUERIES = {'encoder': None, 'decoder': 300, 'pose refinement': 1700}
NAMES = dict(auto='', mmcv=' (mmcv)', triton=' (Triton)')


def row_b8(options: Options) -> Row:
    """The operator alone, forwards, and forwards and backwards.

    Args:
        options (Options): How to measure.

    Returns:
        Row: For the queries of encoder, decoder and refinement.
    """
    checks = []
    for size in options.pick(SIZES, [(64, 96)]):
        shapes = [
            tuple(math.ceil(length / stride) for length in size)
            for stride in (8, 16, 32, 64)
        ]
        for name, number in QUERIES.items():
            inputs = make_inputs(shapes, number, options)
            gathered = 4 * DIMS * 4 * inputs[2].numel()
            for impl, backward in product(
                    implementations(options), (False, True)):
                ours = partial(ms_deform_attn, impl=impl)
                sides = dict(
                    theirs=attention(multi_scale_deformable_attn_pytorch,
                                     shapes, inputs, backward),
                    ours=attention(ours, shapes, inputs, backward))
                torch.testing.assert_close(
                    *(run() for run in sides.values()), rtol=1e-3, atol=1e-4)
                times = interleave(sides, options)
                is_main = (
                    name == 'encoder' and size == SIZES[-1] and not backward)
                way = 'forward and backward' if backward else 'forward'
                checks.append(
                    Check.of_times(
                        f"mmcv's fallback / ours{NAMES[impl]}, {name}, "
                        f'{way}, {size[0]}x{size[1]}',
                        times['theirs'],
                        times['ours'],
                        limit=f'{gathered / 1e9:.3g} GB gathered per pass',
                        at_least=2.5 if is_main else 1.))
    return Row(checks)


def implementations(options: Options) -> List[str]:
    """What is chosen on the CPU; on a GPU, all kernels that there are."""
    device = torch.device(options.device)
    kernels = dict(
        mmcv=mmcv_operator.is_available, triton=functional.has_triton)
    return [name for name, is_there in kernels.items() if is_there(device)
            ] or ['auto']


def make_inputs(shapes: list, number: int,
                options: Options) -> Tuple[torch.Tensor, ...]:
    """Values, and places of queries as in a trained model.

    Args:
        shapes (list[tuple[int, int]]): (h, w) of each level.
        number (int): Number of queries; None for one at every token.
        options (Options): With the device.

    Returns:
        tuple: Values (1, num_tokens, heads, dims), locations (1, number,
        heads, levels, points, 2), weights (1, number, heads, levels,
        points).
    """
    generator = torch.Generator().manual_seed(0)
    num_tokens = sum(height * width for height, width in shapes)
    if number is None:
        centres = torch.cat([
            torch.stack(
                torch.meshgrid(
                    (torch.arange(width) + .5) / width,
                    (torch.arange(height) + .5) / height,
                    indexing='xy'), -1).flatten(0, 1)
            for height, width in shapes
        ])
    else:
        centres = torch.rand(number, 2, generator=generator)
    size = (1, len(centres), HEADS, len(shapes), POINTS)
    # Points lie a few pixels of their level around the centre.
    offsets = 3 * torch.randn(*size, 2, generator=generator)
    levels = torch.tensor(shapes).flip(-1)[:, None]
    locations = centres[:, None, None, None] + offsets / levels
    weights = torch.randn(*size, generator=generator)
    weights = weights.flatten(-2).softmax(-1).view(size)
    value = torch.randn(1, num_tokens, HEADS, DIMS, generator=generator)
    return tuple(
        tensor.to(options.device) for tensor in (value, locations, weights))


def attention(operator: Callable, shapes: list, inputs: tuple,
              backward: bool) -> Callable[[], torch.Tensor]:
    """A function that applies an operator.

    Args:
        operator (Callable): Ours or mmcv's.
        shapes (list[tuple[int, int]]): (h, w) of each level.
        inputs (tuple[Tensor]): See :func:`make_inputs`.
        backward (bool): Also compute gradients.

    Returns:
        Callable: Without arguments; returns the output, or the gradient of
        the values.
    """

    def forwards():
        with torch.no_grad():
            return operator(inputs[0], shapes, *inputs[1:])

    def both():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        output = operator(leaves[0], shapes, *leaves[1:])
        output.backward(torch.ones_like(output))
        return leaves[0].grad

    return both if backward else forwards
