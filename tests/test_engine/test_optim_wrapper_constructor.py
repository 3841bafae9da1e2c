"""Merged parameter groups train exactly as MMEngine's one per tensor."""
import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from mmhqnet.engine import optim_wrapper_constructor
from mmhqnet.engine.optim_wrapper_constructor import FUSED_DEVICES


def build(model, constructor, **optimizer):
    init_default_scope('mmdet')
    return build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor=constructor,
            optimizer={
                'type': 'AdamW',
                'lr': .1,
                'weight_decay': .01,
                **optimizer
            },
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


@pytest.mark.parametrize('fused, tolerance', [(False, 0), (True, 1e-6)])
def test_trains_as_the_default(model, fused, tolerance):
    twin = copy.deepcopy(model)
    ours = step(model, build(model, 'MergedGroupsConstructor', fused=fused))
    default = step(twin, build(twin, 'DefaultOptimWrapperConstructor'))
    for key, value in default.items():
        torch.testing.assert_close(
            ours[key], value, rtol=tolerance, atol=tolerance)


def is_fused(model, **optimizer):
    wrapper = build(model, 'MergedGroupsConstructor', **optimizer)
    return wrapper.optimizer.defaults.get('fused')


def test_fused_where_torch_offers_it(model):
    assert is_fused(model) == ('cpu' in FUSED_DEVICES)
    assert not is_fused(model, fused=False)
    assert not is_fused(model, foreach=True)
    assert not is_fused(model, type='RMSprop')


def test_not_fused_on_devices_that_lack_it(model, monkeypatch):
    monkeypatch.setattr(optim_wrapper_constructor, 'FUSED_DEVICES', ('cuda', ))
    assert not is_fused(model)


def test_frozen_parameters_are_left_out(model):
    model['backbone'][0].requires_grad_(False)
    groups = build(model, 'MergedGroupsConstructor').optimizer.param_groups
    assert sum(len(group['params']) for group in groups) == 8
