from .functional import (GroundTruth, HumanEvaluator, HumanPredictions,
                         ResultFiles, attribute_ap, results_table)
from .metrics import PoseTrackMOTMetric, RefHumanMetric, UniHumanMetric

__all__ = [
    'GroundTruth', 'HumanEvaluator', 'HumanPredictions', 'PoseTrackMOTMetric',
    'RefHumanMetric', 'ResultFiles', 'UniHumanMetric', 'attribute_ap',
    'results_table'
]
