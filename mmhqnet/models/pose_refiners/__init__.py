from .base import PoseRefiner
from .decoder import PoseRefinementDecoder
from .part_query import PartQueryRefiner

__all__ = ['PoseRefiner', 'PoseRefinementDecoder', 'PartQueryRefiner']
