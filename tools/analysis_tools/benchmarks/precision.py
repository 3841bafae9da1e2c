"""B14: predicting in bfloat16 on processors that compute with it."""
import copy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmhqnet.apis.model_options import Precision

from . import peers
from .cascade import limit_detections
from .measure import Options, interleave
from .prediction import predictor
from .report import Check, Row

MANY_PERSONS = 20  # in an image


def row_b14(options: Options) -> Row:
    """Predict in bfloat16 against float32, as the inferencer's option does.

    Args:
        options (Options): How to measure.

    Returns:
        Row: ResNet-50 and Lite-s, with the persons of the budget of Lite-s
            and as shipped, and products that models are made of.
    """
    models = {
        'R-50': (peers.build_hqnet(options), options.pick(800, 64)),
        'Lite-s': (peers.build_lite(options), options.pick(640, 64)),
    }
    limits = _limits(options)
    limit = ', '.join(f'{what} {check.ratio:.2f}'
                      for what, check in limits.items())
    checks = []
    for name, (model, side) in models.items():
        as_shipped = model.bbox_head.test_cfg.max_per_img
        for persons in (MANY_PERSONS, as_shipped):
            limit_detections(model, persons)
            times = interleave(
                {
                    dtype: _predictor(model, side, dtype, options)
                    for dtype in Precision.DTYPES
                }, options)
            checks.append(
                Check.of_times(
                    f'predict in bfloat16 / float32, {name}, {side}x{side}, '
                    f'{persons} persons',
                    times['bfloat16'],
                    times['float32'],
                    limit=limit,
                    at_most=0.5 if persons == MANY_PERSONS else None))
    return Row(checks + list(limits.values()))


def _predictor(model: nn.Module, side: int, dtype: str, options: Options):
    """A function that lets a copy of the model predict."""
    model = copy.deepcopy(model)
    Precision(dtype).prepare(model)
    precision = dict(float32='fp32', bfloat16='bf16')[dtype]
    return predictor(model, (side, side),
                     replace(options, precision=precision))


def _limits(options: Options) -> dict:
    """The same products in both types, without anything around them."""
    tokens, side = options.pick((4096, 50), (8, 8))
    products = {
        'matrices': (F.linear, (tokens, 256), (256, 256)),
        'convolutions': (F.conv2d, (1, 256, side, side), (256, 256, 3, 3)),
    }
    limits = {}
    for what, (function, *shapes) in products.items():
        inputs = [_last_channels(torch.randn(shape)) for shape in shapes]
        halves = [tensor.to(torch.bfloat16) for tensor in inputs]
        times = interleave(
            dict(
                float32=lambda: function(*inputs),
                bfloat16=lambda: function(*halves)), options)
        limits[what] = Check.of_times(
            f'{what} alone, bfloat16 / float32',
            times['bfloat16'],
            times['float32'],
            limit='the processor')
    return limits


def _last_channels(tensor: Tensor) -> Tensor:
    """Maps (n, c, h, w) with channels last in memory, as the models' are."""
    if tensor.dim() < 4:
        return tensor
    return tensor.to(memory_format=torch.channels_last)
