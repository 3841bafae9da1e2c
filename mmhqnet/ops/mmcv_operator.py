"""Multi-scale deformable attention with mmcv's compiled CUDA operator."""
import math

import torch
from mmcv.ops import get_compiling_cuda_version
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from torch import Tensor

from .levels import Shapes, constant, level_starts

# Images that the operator takes at a time; it only takes equal steps.
IM2COL_STEP = 64


def is_available(device: torch.device) -> bool:
    """Whether mmcv has the operator, compiled, for this device."""
    return (device.type == 'cuda'
            and get_compiling_cuda_version() != 'not available')


def mmcv_attention(value: Tensor, shapes: Shapes, sampling_locations: Tensor,
                   attention_weights: Tensor) -> Tensor:
    """Sample with mmcv's operator; see :func:`ms_deform_attn`.

    NOTE in half precision its sampling locations would be off by up to a
    pixel of the image: give it float32 or float64.
    """
    return MultiScaleDeformableAttnFunction.apply(
        value.contiguous(), constant(shapes, torch.long, value.device),
        constant(level_starts(shapes), torch.long, value.device),
        sampling_locations.contiguous(), attention_weights.contiguous(),
        math.gcd(len(value), IM2COL_STEP))
