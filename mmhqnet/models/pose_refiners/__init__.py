from .decoder import PoseRefinementDecoder

__all__ = ['PoseRefinementDecoder']
