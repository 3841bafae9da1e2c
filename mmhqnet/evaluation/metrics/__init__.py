from .posetrack_mot_metric import PoseTrackMOTMetric
from .unihuman_metric import UniHumanMetric

__all__ = ['PoseTrackMOTMetric', 'UniHumanMetric']
