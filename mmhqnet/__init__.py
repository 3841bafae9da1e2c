"""HQNet, one query per human for all human tasks, as an mmdet detector.

Importing the package is as light as importing mmdet:

* it checks the versions of torch, mmengine, mmcv and mmdet;
* it stands in for mmcv's compiled operators where mmcv has none;
* it lets ``torch.load`` read the checkpoints that MMEngine writes;
* it makes ``_base_ = 'mmhqnet::hqnet/...'`` known to MMEngine's configs;
* it tells mmdet's registries where to find our models, datasets, metrics and
  visualisers, which are imported when the first one is built.

A config that other tools than ours shall read therefore says
``custom_imports = dict(imports=['mmhqnet'])``.
"""
from .collector import resting_collector
from .compiled_operators import provide_operators
from .stack import check_stack
from .version import __version__

with resting_collector():
    check_stack()
    provide_operators()

    from mmengine.config.utils import MODULE2PACKAGE

    from . import registry  # noqa: F401
    from .checkpoints.safe_globals import allow_mmengine_checkpoints

MODULE2PACKAGE.setdefault('mmhqnet', 'mmhqnet')
allow_mmengine_checkpoints()

__all__ = ['__version__']
