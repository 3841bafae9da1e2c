from .hqnet import HQNet
from .querypose import QueryPose
from .uniphd import UniPHD

__all__ = ['HQNet', 'QueryPose', 'UniPHD']
