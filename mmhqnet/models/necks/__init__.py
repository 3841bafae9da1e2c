from .hybrid_encoder import HybridEncoder
from .simple_feature_pyramid import SimpleFeaturePyramid

__all__ = ['HybridEncoder', 'SimpleFeaturePyramid']
