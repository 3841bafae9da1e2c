"""Hooks of the shipped configs know which way our metrics are better."""
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS, init_default_scope

import mmhqnet  # noqa: F401

CONFIG = Config.fromfile(
    Path(__file__).parents[2] /
    'configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py')
NAMES = [
    'unihuman/box_AP', 'unihuman/mask_AP_no_small', 'unihuman/pose_AR',
    'unihuman/age5_ignore_unlabelled_AP_50', 'unihuman/helmet_AP', 'MOTA',
    'IDF1', 'coco/bbox_mAP'
]


@pytest.fixture(autouse=True)
def scope_of_the_configs():
    init_default_scope(CONFIG.default_scope)


@pytest.mark.parametrize('name', NAMES)
def test_more_is_better(name):
    hook = HOOKS.build(dict(CONFIG.default_hooks.checkpoint, save_best=name))
    assert hook.rules == ['greater'] and hook.is_better_than[name](2, 1)
    assert hook.max_keep_ckpts == CONFIG.default_hooks.checkpoint[
        'max_keep_ckpts']
    hook = HOOKS.build(dict(type='EarlyStoppingHook', monitor=name))
    assert hook.rule == 'greater'


def test_losses_and_unknown_names():
    hook = HOOKS.build(dict(type='EarlyStoppingHook', monitor='loss_bbox'))
    assert hook.rule == 'less'
    with pytest.raises(ValueError, match='Cannot infer the rule'):
        HOOKS.build(dict(type='EarlyStoppingHook', monitor='unihuman/FP'))


def test_auto_takes_the_first_of_our_metrics():
    hook = HOOKS.build(dict(CONFIG.default_hooks.checkpoint, save_best='auto'))
    hook._init_rule(hook.rules, ['unihuman/box_AP'])  # as after validation
    assert hook.rules == ['greater']


def test_training_stops_when_ap_no_longer_rises():
    hook = HOOKS.build(
        dict(
            type='EarlyStoppingHook',
            monitor='unihuman/box_AP',
            min_delta=.01,
            patience=2))
    runner = SimpleNamespace(
        train_loop=SimpleNamespace(stop_training=False),
        logger=SimpleNamespace(info=print))
    for ap, stops in ((.1, False), (.3, False), (.3, False), (.305, True)):
        hook.after_val_epoch(runner, {'unihuman/box_AP': ap})
        assert runner.train_loop.stop_training == stops
