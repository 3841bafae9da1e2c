from mmhqnet.collector import resting_collector

with resting_collector():
    from .inferencer import HQNetInferencer
    from .prediction_folder import predict_to_folder
    from .results import Person, Persons

__all__ = ['HQNetInferencer', 'Person', 'Persons', 'predict_to_folder']
