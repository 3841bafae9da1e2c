"""The tiny model is the whole method, and the same every time."""
import pytest
import torch

from mmhqnet.testing import build_model, tiny_config


@pytest.fixture(autouse=True)
def scope():
    from mmengine.registry import init_default_scope
    init_default_scope('mmdet')


def test_same_seed_same_weights():
    first, second, other = (
        build_model(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_tasks_can_be_chosen():
    model = build_model(tiny_config(('mask', 'age'), num_queries=7))
    assert set(model.bbox_head.task_heads) == {'mask', 'age'}
    assert model.query_embedding.weight.shape == (7, 32)
    assert model.query_embedding.weight.dtype == torch.float64


def test_configs_are_independent_copies():
    tiny_config()['bbox_head']['task_heads']['mask']['num_points'] = 1
    assert tiny_config()['bbox_head']['task_heads']['mask']['num_points'] > 1
