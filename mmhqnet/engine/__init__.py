from .best_metric_hooks import CheckpointHook, EarlyStoppingHook
from .freeze_hook import FreezeHook
from .layer_decay_constructor import LayerDecayConstructor
from .optim_wrapper_constructor import MergedGroupsConstructor

__all__ = [
    'CheckpointHook', 'EarlyStoppingHook', 'FreezeHook',
    'LayerDecayConstructor', 'MergedGroupsConstructor'
]
