"""Multi-scale deformable attention of operators that every exporter knows."""
from mmcv.ops.multi_scale_deform_attn import \
    multi_scale_deformable_attn_pytorch
from torch import Tensor

from .levels import Shapes


def grid_sample_attention(value: Tensor, shapes: Shapes,
                          sampling_locations: Tensor,
                          attention_weights: Tensor) -> Tensor:
    """Sample with ``F.grid_sample``; see :func:`ms_deform_attn`."""
    return multi_scale_deformable_attn_pytorch(value, shapes,
                                               sampling_locations,
                                               attention_weights)
