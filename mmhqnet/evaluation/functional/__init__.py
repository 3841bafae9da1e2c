from .attributes import attribute_ap
from .ground_truth import GroundTruth
from .human_evaluation import HumanEvaluator, results_table
from .predictions import HumanPredictions, ResultFiles

__all__ = [
    'GroundTruth', 'HumanEvaluator', 'HumanPredictions', 'ResultFiles',
    'attribute_ap', 'results_table'
]
