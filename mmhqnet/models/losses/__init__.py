from .binary_cross_entropy import BinaryCrossEntropyLoss
from .keypoint_loss import (COCO_SIGMAS, HeatmapFocalLoss, OKSLoss,
                            object_keypoint_similarity)
from .mean_variance_loss import MeanVarianceLoss, expected_value
from .reduction import count, layer_mean
from .referring_loss import (ReferredPersons, group_focal_loss, pair_losses,
                             referred_persons)

__all__ = [
    'BinaryCrossEntropyLoss', 'COCO_SIGMAS', 'HeatmapFocalLoss', 'OKSLoss',
    'object_keypoint_similarity', 'MeanVarianceLoss', 'expected_value',
    'count', 'layer_mean', 'ReferredPersons', 'group_focal_loss',
    'pair_losses', 'referred_persons'
]
