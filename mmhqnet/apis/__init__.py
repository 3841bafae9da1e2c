from .inferencer import HQNetInferencer

__all__ = ['HQNetInferencer']
