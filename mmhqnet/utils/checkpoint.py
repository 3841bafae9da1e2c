"""The converters under the name by which users call them."""
from mmhqnet.checkpoints import (convert_dino, convert_mobilenetv2,
                                 convert_official, convert_querypose,
                                 convert_uniphd, convert_vit)

__all__ = [
    'convert_dino', 'convert_mobilenetv2', 'convert_official',
    'convert_querypose', 'convert_uniphd', 'convert_vit'
]
