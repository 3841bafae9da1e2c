"""Each ablation changes what it says, and nothing else."""
from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
FULL = Config.fromfile(CONFIGS / 'hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py')


def differences(a, b, path=''):
    """Keys at which two configs differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        return {
            key
            for name in a.keys() | b.keys()
            for key in differences(a.get(name), b.get(name), f'{path}.{name}')
        }
    return set() if a == b else {path[1:]}


@pytest.mark.parametrize('name, keys', [
    ('box', {
        f'model.bbox_head.task_heads.{task}'
        for task in ('mask', 'pose', 'gender', 'age')
    }),
    ('box-mask', {
        f'model.bbox_head.task_heads.{task}'
        for task in ('pose', 'gender', 'age')
    }),
    ('box-mask-pose',
     {f'model.bbox_head.task_heads.{task}'
      for task in ('gender', 'age')}),
    ('match-box', {
        f'model.bbox_head.task_heads.{term}'
        for term in ('mask.cost_mask', 'mask.cost_dice', 'pose.cost_kpt_cls',
                     'pose.cost_kpt', 'pose.cost_oks')
    }),
    ('match-box-pose', {
        'model.bbox_head.task_heads.mask.cost_mask',
        'model.bbox_head.task_heads.mask.cost_dice'
    }),
    ('shared', {
        f'model.bbox_head.task_heads.{task}.share_branches'
        for task in ('mask', 'pose', 'gender', 'age')
    }),
    ('q12', {'model.num_queries', 'model.test_cfg.max_per_img'}),
    ('q60', {'model.num_queries'}),
    ('no-refine', {'model.bbox_head.task_heads.pose.refine'}),
    ('no-denoising', {'model.dn_cfg.group_cfg.num_dn_queries'}),
])
def test_only_what_it_says(name, keys):
    config = Config.fromfile(
        CONFIGS / f'ablations/hqnet_toy_r18-{name}_1xb4_toy-unihuman.py')
    different = differences(FULL.to_dict(), config.to_dict())
    evaluators = {'val_evaluator.metric', 'test_evaluator.metric'}
    assert different - evaluators == keys
    assert bool(different & evaluators) == name.startswith('box')


def test_each_is_tested():
    parameters = test_only_what_it_says.pytestmark[0].args[1]
    files = {path.name for path in (CONFIGS / 'ablations').glob('*.py')}
    assert files == {
        f'hqnet_toy_r18-{name}_1xb4_toy-unihuman.py'
        for name, _ in parameters
    }
