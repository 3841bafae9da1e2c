from .fusion import PromptFusion
from .prompt_encoder import (PromptEncoder, PromptTokens, in_order_of_images,
                             untouched)

__all__ = [
    'PromptEncoder', 'PromptFusion', 'PromptTokens', 'in_order_of_images',
    'untouched'
]
