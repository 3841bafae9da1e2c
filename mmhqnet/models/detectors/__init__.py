from .hqnet import HQNet
from .uniphd import UniPHD

__all__ = ['HQNet', 'UniPHD']
