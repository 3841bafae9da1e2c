from .convnext import ConvNeXtBackbone
from .plain_vit import PlainViT

__all__ = ['ConvNeXtBackbone', 'PlainViT']
