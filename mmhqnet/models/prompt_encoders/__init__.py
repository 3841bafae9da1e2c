from .fusion import PromptFusion
from .hash_text_encoder import HashTextEncoder
from .prompt_encoder import (PromptEncoder, PromptTokens, in_order_of_images,
                             untouched)

__all__ = [
    'HashTextEncoder', 'PromptEncoder', 'PromptFusion', 'PromptTokens',
    'in_order_of_images', 'untouched'
]
