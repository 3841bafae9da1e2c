"""Each ablation changes what it says, and nothing else."""
from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
TOY = 'hqnet_toy_r18-{}_1xb4_toy-unihuman.py'
PHOTOS = 'hqnet-lite-s_mobilenetv2-{}_1xb4-40e_coco-person.py'
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
    check(FULL, TOY.format(name), keys, name)


def check(full, file, keys, name):
    config = Config.fromfile(CONFIGS / 'ablations' / file)
    different = differences(full.to_dict(), config.to_dict())
    evaluators = {'val_evaluator.metric', 'test_evaluator.metric'}
    assert different - evaluators == keys
    assert bool(different & evaluators) == name.startswith('box')


@pytest.mark.parametrize('name, keys', [
    ('box', {
        'model.bbox_head.task_heads.mask',
        'model.bbox_head.task_heads.pose',
    }),
    ('box-pose', {'model.bbox_head.task_heads.mask'}),
    ('match-box', {
        f'model.bbox_head.task_heads.{term}'
        for term in ('mask.cost_mask', 'mask.cost_dice', 'pose.cost_kpt_cls',
                     'pose.cost_kpt', 'pose.cost_oks')
    }),
])
def test_the_same_on_photos(name, keys):
    full = Config.fromfile(
        CONFIGS / 'hqnet/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py')
    check(full, PHOTOS.format(name), keys, name)


def test_each_is_tested():
    files = {path.name for path in (CONFIGS / 'ablations').glob('*.py')}
    assert files == {
        form.format(name)
        for form, test in ((TOY, test_only_what_it_says),
                           (PHOTOS, test_the_same_on_photos))
        for name, _ in test.pytestmark[0].args[1]
    }
