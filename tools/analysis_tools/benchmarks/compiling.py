"""B12: torch.compile of the parts that it can compile as a whole."""
import copy
import time

import torch
from torch import nn

from . import peers
from .measure import Options, interleave
from .people import make_empty_sample, make_inputs
from .report import Check, Row

SIZE = (480, 640)


def row_b12(options: Options) -> Row:
    """Backbone and encoder as they are against compiled ones.

    Args:
        options (Options): How to measure.

    Returns:
        Row: Without targets, for information; with a note on how long the
        compiler took. It needs a C++ compiler on the CPU.
    """
    size = options.pick(SIZE, (64, 96))
    hqnet = peers.build_hqnet(options)
    image = make_inputs(size, options)
    tokens = encoder_inputs(hqnet, image)
    checks, notes = [], []
    for name, inputs in (('backbone', dict(x=image)), ('encoder', tokens)):
        eager = getattr(hqnet, name)
        times, seconds = _compare(eager, inputs, options)
        checks.append(
            Check.of_times(
                f'eager / compiled {name}, {size[0]}x{size[1]}',
                times['eager'],
                times['compiled'],
                limit='the same matrix products'))
        notes.append(f'compiling the {name} took {seconds:.0f} s')
    return Row(checks, notes=('; '.join(notes), ))


@torch.no_grad()
def encoder_inputs(hqnet: nn.Module, image: torch.Tensor) -> dict:
    """What the encoder of a model sees.

    Args:
        hqnet (nn.Module): The model.
        image (Tensor): (1, 3, H, W).

    Returns:
        dict: Arguments of the encoder.
    """
    seen = {}
    hook = hqnet.encoder.register_forward_pre_hook(
        lambda module, args, kwargs: seen.update(kwargs), with_kwargs=True)
    samples = [make_empty_sample(tuple(image.shape[-2:]))]
    hqnet.predict(image, samples)
    hook.remove()
    return seen


@torch.no_grad()
def _compare(eager: nn.Module, inputs: dict, options: Options):
    """Times of both, and the seconds of compiling."""
    compiled = copy.deepcopy(eager)
    compiled.compile()
    start = time.perf_counter()
    output = compiled(**inputs)
    seconds = time.perf_counter() - start
    torch.testing.assert_close(output, eager(**inputs), rtol=1e-3, atol=1e-3)
    sides = dict(
        eager=lambda: eager(**inputs), compiled=lambda: compiled(**inputs))
    return interleave(sides, options), seconds
