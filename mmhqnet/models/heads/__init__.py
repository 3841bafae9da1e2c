from .hqnet_head import HQNetHead

__all__ = ['HQNetHead']
