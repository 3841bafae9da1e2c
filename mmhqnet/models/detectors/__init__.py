from .hqnet import HQNet
from .person_cascade import PersonCascade
from .querypose import QueryPose
from .uniphd import UniPHD

__all__ = ['HQNet', 'PersonCascade', 'QueryPose', 'UniPHD']
