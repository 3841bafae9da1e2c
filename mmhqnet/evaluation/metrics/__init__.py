from .posetrack_mot_metric import PoseTrackMOTMetric
from .refhuman_metric import RefHumanMetric
from .unihuman_metric import UniHumanMetric

__all__ = ['PoseTrackMOTMetric', 'RefHumanMetric', 'UniHumanMetric']
