from .freeze_hook import FreezeHook
from .optim_wrapper_constructor import MergedGroupsConstructor

__all__ = ['FreezeHook', 'MergedGroupsConstructor']
