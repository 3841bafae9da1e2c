from .base import PoseRefiner
from .decoder import PoseRefinementDecoder

__all__ = ['PoseRefiner', 'PoseRefinementDecoder']
