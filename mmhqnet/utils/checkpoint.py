"""The converters under the name by which users call them."""
from mmhqnet.checkpoints import convert_dino, convert_official

__all__ = ['convert_dino', 'convert_official']
