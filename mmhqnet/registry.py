"""Registries of mmhqnet: children of mmdet's that mirror every entry.

An entry is found as ``type='HQNet'`` from mmdet's scope (after
``custom_imports=dict(imports=['mmhqnet'])``), as ``type='mmhqnet.HQNet'``
from anywhere, and inside a config whose scope is ``mmhqnet``.

An OpenMMLab registry knows the *locations* of its entries and imports them
when it is first asked for one. Our modules join the locations of mmdet's
registries, so that ``import mmhqnet`` costs no more than ``import mmdet`` and
the models, datasets and metrics are imported when something is built.
"""
from mmdet import registry as mmdet_registry
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import Registry


class MirroringRegistry(Registry):
    """Child of an mmdet registry that also registers its entries there.

    The child searches the parent's locations too: an OpenMMLab registry looks
    into its parents for a missing name, but does not make them import theirs.

    Args:
        parent: The registry of mmdet.
        modules: Modules of mmhqnet that hold entries.
    """

    def __init__(self, parent: Registry, *modules: str):
        parent._locations.extend(modules)
        parent._imported = False  # mmdet may have been asked before us
        super().__init__(
            parent.name,
            parent=parent,
            scope='mmhqnet',
            locations=parent._locations)

    def _register_module(self, module, module_name=None, force=False):
        super()._register_module(module, module_name, force)
        self.parent._register_module(module, module_name, force)


MODELS = MirroringRegistry(mmdet_registry.MODELS, 'mmhqnet.models',
                           'mmhqnet.tracking')
TASK_UTILS = MirroringRegistry(mmdet_registry.TASK_UTILS, 'mmhqnet.models')
MODEL_WRAPPERS = MirroringRegistry(mmdet_registry.MODEL_WRAPPERS)
WEIGHT_INITIALIZERS = MirroringRegistry(mmdet_registry.WEIGHT_INITIALIZERS)

DATASETS = MirroringRegistry(mmdet_registry.DATASETS, 'mmhqnet.datasets')
TRANSFORMS = MirroringRegistry(mmdet_registry.TRANSFORMS, 'mmhqnet.datasets')
DATA_SAMPLERS = MirroringRegistry(mmdet_registry.DATA_SAMPLERS)

METRICS = MirroringRegistry(mmdet_registry.METRICS, 'mmhqnet.evaluation')
EVALUATOR = MirroringRegistry(mmdet_registry.EVALUATOR)

VISUALIZERS = MirroringRegistry(mmdet_registry.VISUALIZERS,
                                'mmhqnet.visualization')
VISBACKENDS = MirroringRegistry(mmdet_registry.VISBACKENDS)

HOOKS = MirroringRegistry(mmdet_registry.HOOKS, 'mmhqnet.engine')
OPTIM_WRAPPER_CONSTRUCTORS = MirroringRegistry(
    mmdet_registry.OPTIM_WRAPPER_CONSTRUCTORS, 'mmhqnet.engine')
OPTIM_WRAPPERS = MirroringRegistry(mmdet_registry.OPTIM_WRAPPERS)
OPTIMIZERS = MirroringRegistry(mmdet_registry.OPTIMIZERS)
PARAM_SCHEDULERS = MirroringRegistry(mmdet_registry.PARAM_SCHEDULERS)
LOOPS = MirroringRegistry(mmdet_registry.LOOPS)
RUNNERS = MirroringRegistry(mmdet_registry.RUNNERS)
RUNNER_CONSTRUCTORS = MirroringRegistry(mmdet_registry.RUNNER_CONSTRUCTORS)
LOG_PROCESSORS = MirroringRegistry(mmdet_registry.LOG_PROCESSORS)

# Has no child in mmdet; inference looks here for its collate function.
FUNCTIONS = MirroringRegistry(MMENGINE_FUNCTIONS)
