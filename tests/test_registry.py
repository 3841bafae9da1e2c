"""All ways in which a config may name our classes."""
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from mmdet import registry as mmdet_registry
from mmengine.registry import DefaultScope, Registry

from mmhqnet import registry
from mmhqnet.registry import MirroringRegistry

ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'


def run(code):
    """Run code in a Python that has imported nothing yet."""
    done = subprocess.run([sys.executable, '-c', code],
                          cwd=ROOT,
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_custom_imports_and_scopes():
    """The plain name, from mmdet's scope and from ours."""
    assert run(
        'from mmengine.config import Config\n'
        'from mmengine.registry import MODELS, init_default_scope\n'
        f'cfg = Config.fromfile("{CONFIG}")\n'
        'init_default_scope(cfg.default_scope)\n'
        'models = [MODELS.build(cfg.model)]\n'
        # as in a config that inherits from mmhqnet::...
        'models.append(MODELS.build(dict(cfg.model, _scope_="mmhqnet")))\n'
        'init_default_scope("mmhqnet")\n'
        'models.append(MODELS.build(cfg.model))\n'
        'print(cfg.model.type, [type(model).__name__ for model in models])'
    ) == "HQNet ['HQNet', 'HQNet', 'HQNet']"


@pytest.mark.ops  # mmengine asks mmdet first, which cannot be imported alone
def test_prefixed_type_needs_no_import():
    assert run(
        'import sys\n'
        'from mmengine.config import Config\n'
        'from mmengine.registry import MODELS, init_default_scope\n'
        f'cfg = Config.fromfile("{CONFIG}", import_custom_modules=False)\n'
        'init_default_scope("mmdet")\n'
        'cfg.model.type = "mmhqnet.HQNet"\n'
        'assert "mmhqnet" not in sys.modules\n'
        'print(type(MODELS.build(cfg.model)).__name__)') == 'HQNet'


def test_import_after_mmdet_was_used():
    """A notebook may have built mmdet models before it imports us.

    That takes an mmcv with operators, or one that seems to have them.
    """
    assert run('import sys, types\n'
               'operators = types.ModuleType("mmcv._ext")\n'
               'operators.__getattr__ = lambda name: None\n'
               'sys.modules["mmcv._ext"] = operators\n'
               'from mmdet.registry import DATASETS\n'
               'assert DATASETS.get("CocoDataset")\n'
               'import mmhqnet\n'
               'print(DATASETS.get("CocoUniHumanDataset").__name__)'
               ) == 'CocoUniHumanDataset'


def test_import_is_as_light_as_mmdet():
    assert run(
        'import sys, mmdet.registry\n'
        'before = set(sys.modules)\n'
        'import mmhqnet\n'
        'new = set(sys.modules) - before - {"mmcv._ext"}\n'
        'print(sorted(name for name in new if name.split(".")[0] in '
        '("torch", "torchvision", "mmcv", "mmdet", "mmpose", "scipy", "cv2", '
        '"pycocotools") or name.startswith(("mmhqnet.models", '
        '"mmhqnet.datasets"))))') == '[]'


def test_register_all_modules():
    assert run(
        'from mmhqnet.utils import register_all_modules\n'
        'register_all_modules()\n'
        'from mmhqnet.registry import (DATASETS, METRICS, MODELS, '
        'TRANSFORMS, VISUALIZERS)\n'
        'print([name for registry, name in ((MODELS, "HQNet"), '
        '(DATASETS, "CocoUniHumanDataset"), (METRICS, "UniHumanMetric"), '
        '(TRANSFORMS, "PackHumanInputs"), '
        '(VISUALIZERS, "HumanLocalVisualizer")) '
        'if name not in registry.module_dict])') == '[]'


def test_every_registry_of_mmdet_has_a_child():
    """Else a config with the scope mmhqnet would miss mmdet's entries."""
    for name, parent in vars(mmdet_registry).items():
        if isinstance(parent, Registry) and parent.scope == 'mmdet':
            child = getattr(registry, name)
            assert isinstance(child, MirroringRegistry)
            assert child.parent is parent and child.scope == 'mmhqnet'


def test_locations_are_packages_that_are_shipped():
    for parent in vars(registry).values():
        if isinstance(parent, MirroringRegistry):
            for location in parent._locations:
                assert importlib.util.find_spec(location).origin, location


@pytest.mark.parametrize('name, entry',
                         [('DATA_SAMPLERS', 'AspectRatioBatchSampler'),
                          ('HOOKS', 'CheckpointHook'),
                          ('LOOPS', 'EpochBasedTrainLoop'),
                          ('OPTIM_WRAPPERS', 'AmpOptimWrapper'),
                          ('VISBACKENDS', 'LocalVisBackend'),
                          ('EVALUATOR', 'Evaluator'),
                          ('TRANSFORMS', 'PhotoMetricDistortion'),
                          ('MODELS', 'ResNet')])
def test_scope_mmhqnet_sees_the_entries_of_mmdet(name, entry):
    with DefaultScope.overwrite_default_scope('mmhqnet'):
        assert getattr(registry, name).get(entry).__name__ == entry


def test_entries_are_mirrored():
    parent = Registry('thing', scope='parent')
    child = MirroringRegistry(parent)

    @child.register_module()
    class Thing:
        pass

    assert parent.get('Thing') is child.get('Thing') is Thing
    assert parent.get('mmhqnet.Thing') is Thing
    with pytest.raises(KeyError, match='already registered'):
        child.register_module(name='Thing', module=Registry)


def test_child_looks_where_its_parent_looks(monkeypatch, tmp_path):
    (tmp_path / 'late_things.py').write_text(
        'from collections import namedtuple\n'
        'import holder\n'
        'holder.parent.register_module(name="Late", module=dict)\n')
    (tmp_path / 'holder.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    import holder
    holder.parent = Registry('thing', scope='parent', locations=[])
    child = MirroringRegistry(holder.parent, 'late_things')
    assert holder.parent.get('Late') is dict
    assert child.get('Late') is dict
