from .hqnet import HQNet

__all__ = ['HQNet']
