"""mmengine's hooks that watch a metric, knowing ours.

mmengine infers from a metric's name whether more is better, by lists that it
asks downstream projects to overwrite in a child. The children keep the names:
mmdet's scope finds them first, so that configs say ``CheckpointHook`` and
``EarlyStoppingHook`` as ever.
"""
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.hooks import EarlyStoppingHook as MMEngineEarlyStoppingHook

from mmhqnet.registry import HOOKS

# Of UniHumanMetric ("unihuman/box_AP_50") and of PoseTrackMOTMetric.
GREATER_KEYS = ['_AP', '_AR', 'MOTA', 'IDF1']


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """``save_best`` may be any of our metrics, or 'auto'."""
    _default_greater_keys = (
        MMEngineCheckpointHook._default_greater_keys + GREATER_KEYS)


@HOOKS.register_module()
class EarlyStoppingHook(MMEngineEarlyStoppingHook):
    """``monitor`` may be any of our metrics."""
    _default_greater_keys = (
        MMEngineEarlyStoppingHook._default_greater_keys + GREATER_KEYS)
