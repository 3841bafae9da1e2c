from .fusion import PromptFusion
from .hash_text_encoder import HashTextEncoder
from .hf_text_encoder import HFTextEncoder
from .prompt_encoder import (PromptEncoder, PromptTokens, in_order_of_images,
                             untouched)

__all__ = [
    'HFTextEncoder', 'HashTextEncoder', 'PromptEncoder', 'PromptFusion',
    'PromptTokens', 'in_order_of_images', 'untouched'
]
