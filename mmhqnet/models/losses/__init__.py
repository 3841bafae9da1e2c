from .binary_cross_entropy import BinaryCrossEntropyLoss
from .box_losses import box_losses
from .keypoint_loss import (COCO_SIGMAS, HeatmapFocalLoss, OKSLoss,
                            object_keypoint_similarity)
from .mean_variance_loss import MeanVarianceLoss, expected_value
from .pose_losses import PoseTargets, pose_losses
from .reduction import layer_mean, normaliser
from .referring_loss import (ReferredPersons, group_focal_loss, pair_losses,
                             referred_persons)
from .residual_log_likelihood import RealNVP, ResidualLogLikelihoodLoss

__all__ = [
    'BinaryCrossEntropyLoss', 'box_losses', 'COCO_SIGMAS', 'HeatmapFocalLoss',
    'OKSLoss', 'object_keypoint_similarity', 'MeanVarianceLoss',
    'expected_value', 'PoseTargets', 'pose_losses', 'layer_mean', 'normaliser',
    'ReferredPersons', 'group_focal_loss', 'pair_losses', 'referred_persons',
    'RealNVP', 'ResidualLogLikelihoodLoss'
]
