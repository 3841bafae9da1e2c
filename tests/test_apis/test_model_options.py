"""Tasks are switched off in the config; heads are put back as they were."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmhqnet import testing
from mmhqnet.apis import HQNetInferencer
from mmhqnet.apis.model_options import (Precision, choose_tasks,
                                        kept_persons_only)
from mmhqnet.errors import InputError
from mmhqnet.models.task_heads import MaskHead
from mmhqnet.registry import MODELS


def switched_on(tasks, attributes=True):
    init_default_scope('mmdet')
    cfg = Config(dict(model=testing.tiny_config()))
    choose_tasks(cfg, tasks, attributes)
    heads = cfg.model.bbox_head.task_heads
    return {name for name, head in heads.items() if head}


@pytest.mark.parametrize('tasks, attributes, expected', [
    (None, True, {'mask', 'pose', 'gender', 'age'}),
    (None, False, {'mask', 'pose'}),
    (['mask', 'age'], True, {'mask', 'age'}),
    (['mask', 'age'], False, {'mask'}),
    ('pose', True, {'pose'}),
    ([], True, set()),
])
def test_chosen_tasks(tasks, attributes, expected):
    assert switched_on(tasks, attributes) == expected


def test_unknown_task():
    with pytest.raises(InputError, match="no task 'poses'; it has mask, pose"):
        switched_on(['poses'])


def test_model_is_as_before_afterwards():
    init_default_scope('mmdet')
    model = testing.build_model()
    before = dict(model.bbox_head.test_cfg)
    mask, = (part for part in model.modules() if isinstance(part, MaskHead))
    with pytest.raises(KeyError):
        with kept_persons_only(model, 0.4, with_queries=True):
            inside = dict(model.bbox_head.test_cfg)
            assert mask.run_length
            raise KeyError
    assert inside == dict(before, score_thr=0.4, with_queries=True)
    assert dict(model.bbox_head.test_cfg) == before and not mask.run_length


def test_bfloat16_is_used_and_changes_little(config, photos, tmp_path):
    config.model = testing.tiny_config()
    init_default_scope('mmdet')
    model = testing.build_model(config.model, torch.float32)
    path = str(tmp_path / 'x.pth')
    torch.save(dict(meta={}, state_dict=model.state_dict()), path)
    found, types = {}, {}
    for dtype in Precision.DTYPES:
        inferencer = HQNetInferencer(
            config, path, 'cpu', dtype=dtype, show_progress=False)
        types[dtype] = set()
        inferencer.model.backbone.register_forward_hook(
            lambda module, inputs, maps: types[dtype].add(maps[0].dtype))
        found[dtype] = inferencer.predict(photos[0], score_thr=0)[0].columns
    assert types == dict(float32={torch.float32}, bfloat16={torch.bfloat16})
    assert found['float32'].keys() == found['bfloat16'].keys()
    for name, values in found['bfloat16'].items():
        assert getattr(values, 'dtype',
                       None) == getattr(found['float32'][name], 'dtype',
                                        None), name
    np.testing.assert_allclose(
        *(f['scores'] for f in found.values()), atol=0.02)
    assert not torch.is_autocast_enabled('cpu')


@torch.no_grad()
@pytest.mark.parametrize('backbone', [
    dict(type='ResNet', depth=18, base_channels=8),
    dict(type='ResNet', depth=50, base_channels=8),
    dict(type='MobileNetV2', widen_factor=0.25),
])
def test_batch_norms_become_part_of_convolutions(backbone):
    init_default_scope('mmdet')
    backbone = MODELS.build(backbone).double()
    backbone.eval()
    testing.models.randomise(backbone)
    for part in backbone.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    expected = backbone(images)
    Precision('bfloat16').prepare(backbone)
    assert not any(
        isinstance(part, nn.BatchNorm2d) for part in backbone.modules())
    torch.testing.assert_close(backbone(images), expected)


@pytest.mark.fault
def test_unknown_dtype(config):
    with pytest.raises(InputError, match="'half', use one of float32"):
        HQNetInferencer(config, dtype='half')
