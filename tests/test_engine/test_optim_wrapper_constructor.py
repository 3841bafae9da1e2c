"""Merged parameter groups train exactly as MMEngine's one per tensor."""
import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

import mmhqnet  # noqa: F401


def build(model, constructor):
    init_default_scope('mmdet')
    return build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor=constructor,
            optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.01),
            paramwise_cfg=dict(
                norm_decay_mult=0.0,
                custom_keys={'backbone': dict(lr_mult=0.1)})))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.ModuleDict(
        dict(
            backbone=nn.Sequential(
                nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)),
            head=nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))))


def step(model, wrapper):
    for _ in range(3):
        x = model['head'](model['backbone'](torch.ones(2, 4)))
        wrapper.update_params(x.square().mean())
    return model.state_dict()


def test_few_groups(model):
    groups = build(model, 'MergedGroupsConstructor').optimizer.param_groups
    options = {(group['lr'], group['weight_decay']) for group in groups}
    assert len(groups) == len(options) == 3
    assert sum(len(group['params']) for group in groups) == 10


def test_trains_as_the_default(model):
    twin = copy.deepcopy(model)
    ours = step(model, build(model, 'MergedGroupsConstructor'))
    default = step(twin, build(twin, 'DefaultOptimWrapperConstructor'))
    for key, value in default.items():
        torch.testing.assert_close(ours[key], value, rtol=0, atol=0)


def test_frozen_parameters_are_left_out(model):
    model['backbone'][0].requires_grad_(False)
    groups = build(model, 'MergedGroupsConstructor').optimizer.param_groups
    assert sum(len(group['params']) for group in groups) == 8
