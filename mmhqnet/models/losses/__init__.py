from .binary_cross_entropy import BinaryCrossEntropyLoss
from .keypoint_loss import (COCO_SIGMAS, HeatmapFocalLoss, OKSLoss,
                            object_keypoint_similarity)
from .mean_variance_loss import MeanVarianceLoss, expected_value
from .reduction import count, layer_mean

__all__ = [
    'BinaryCrossEntropyLoss', 'COCO_SIGMAS', 'HeatmapFocalLoss', 'OKSLoss',
    'object_keypoint_similarity', 'MeanVarianceLoss', 'expected_value',
    'count', 'layer_mean'
]
