from .functional import (GroundTruth, HumanEvaluator, HumanPredictions,
                         ResultFiles, attribute_ap, results_table)
from .metrics import PoseTrackMOTMetric, UniHumanMetric

__all__ = [
    'GroundTruth', 'HumanEvaluator', 'HumanPredictions', 'PoseTrackMOTMetric',
    'ResultFiles', 'UniHumanMetric', 'attribute_ap', 'results_table'
]
