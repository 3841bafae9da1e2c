from .optim_wrapper_constructor import MergedGroupsConstructor

__all__ = ['MergedGroupsConstructor']
