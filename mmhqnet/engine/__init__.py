from .best_metric_hooks import CheckpointHook, EarlyStoppingHook
from .freeze_hook import FreezeHook
from .layer_decay_constructor import LayerDecayConstructor
from .optim_wrapper_constructor import MergedGroupsConstructor
from .preview_hook import PreviewHook
from .progress_hook import ProgressHook
from .transfer_hook import TransferHook

__all__ = [
    'CheckpointHook', 'EarlyStoppingHook', 'FreezeHook',
    'LayerDecayConstructor', 'MergedGroupsConstructor', 'PreviewHook',
    'ProgressHook', 'TransferHook'
]
