from .dino import convert_dino
from .fetching import fetch, is_address
from .mobilenet import convert_mobilenetv2
from .official import convert_official
from .querypose import convert_querypose
from .reading import (check_weights_fit, read_checkpoint, weights_of,
                      without_wrapper, write_weights)
from .safe_globals import allow_mmengine_checkpoints
from .shipped import notice, shipped_model
from .stored_config import stored_config
from .uniphd import convert_uniphd
from .vit import convert_vit

__all__ = [
    'allow_mmengine_checkpoints', 'check_weights_fit', 'convert_dino',
    'convert_mobilenetv2', 'convert_official', 'convert_querypose',
    'convert_uniphd', 'convert_vit', 'fetch', 'is_address', 'notice',
    'read_checkpoint', 'shipped_model', 'stored_config', 'weights_of',
    'without_wrapper', 'write_weights'
]
