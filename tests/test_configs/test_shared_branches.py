"""The config whose layers share their branches, as in the paper's table 7."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmhqnet.models  # noqa: F401
from mmhqnet.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs/hqnet'
SHARED = CONFIGS / 'hqnet_r50-shared_16xb1-100e_coco-unihuman.py'


@pytest.fixture(scope='module')
def head():
    config = Config.fromfile(SHARED)
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        return MODELS.build(config.model).bbox_head


def test_only_the_tasks_share(head):
    tasks = head.task_heads
    assert set(tasks) == {'mask', 'pose', 'gender', 'age'}
    for branches in (tasks.mask.mask_branches, tasks.pose.kpt_branches,
                     tasks.pose.kpt_cls_branches, tasks.gender.branches,
                     tasks.age.branches):
        assert len(branches) == 7
        assert all(branch is branches[0] for branch in branches)
    for branches in (head.cls_branches, head.reg_branches):
        assert len(set(branches)) == 7


@pytest.mark.parametrize('task, num_outputs', [('gender', 1), ('age', 85)])
def test_attributes_have_two_layers(head, task, num_outputs):
    branch = head.task_heads[task].branches[0]
    layers = [m for m in branch if isinstance(m, torch.nn.Linear)]
    assert [tuple(m.weight.shape) for m in layers] == [(256, 256),
                                                       (num_outputs, 256)]


def test_nothing_else_differs():
    shared, main = (
        Config.fromfile(file).to_dict()
        for file in (SHARED,
                     CONFIGS / 'hqnet_r50_16xb1-100e_coco-unihuman.py'))
    for task in shared['model']['bbox_head']['task_heads'].values():
        assert task.pop('share_branches')
        task.pop('num_fcs', None)
    assert shared == main
