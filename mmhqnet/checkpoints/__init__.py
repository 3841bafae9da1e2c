from .dino import convert_dino
from .official import convert_official
from .reading import (check_weights_fit, read_checkpoint, stored_config,
                      write_weights)
from .safe_globals import allow_mmengine_checkpoints

__all__ = [
    'allow_mmengine_checkpoints', 'check_weights_fit', 'convert_dino',
    'convert_official', 'read_checkpoint', 'stored_config', 'write_weights'
]
