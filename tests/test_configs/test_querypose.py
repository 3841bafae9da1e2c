"""Configs of QueryPose: versions, backbones, skeletons."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.models.pose_refiners import PartQueryRefiner
from mmhqnet.registry import METRICS, MODELS

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/querypose'
PATHS = sorted(CONFIGS.glob('querypose*_8xb2-*.py'))


def names():
    return [path.stem for path in PATHS]


def test_every_combination_is_there():
    backbones = ('r50_8xb2-140k', 'hrnet-w32_8xb2-280k', 'hrnet-w48_8xb2-280k')
    assert names() == sorted(f'querypose{version}_{backbone}_{data}'
                             for version in ('', '-light')
                             for backbone in backbones
                             for data in ('coco', 'crowdpose'))


@pytest.mark.parametrize('path', PATHS, ids=names())
def test_what_a_name_says(path):
    config = Config.fromfile(path)
    head = config.model.roi_head
    assert head.pose_layer.interact == ('-light' not in path.stem)
    num_keypoints = 14 if path.stem.endswith('crowdpose') else 17
    assert head.num_keypoints == num_keypoints
    dataset = config.train_dataloader.dataset
    assert dataset.get(
        'keypoint_metainfo',
        'coco') == ('crowdpose' if num_keypoints == 14 else 'coco')
    assert config.val_evaluator.metric == ['box', 'pose']
    assert config.train_cfg.max_iters == (140000
                                          if '140k' in path.stem else 280000)
    assert max(config.param_scheduler[1].milestones) < (
        config.train_cfg.max_iters)
    assert config.train_dataloader.batch_size == 2
    kinds = [step.type for step in dataset.pipeline]
    assert kinds == [
        'LoadImageFromFile', 'LoadHumanAnnotations', 'HumanRandomFlip',
        'RandomChoice', 'PackHumanInputs'
    ]


@pytest.mark.parametrize('name', [
    'querypose-light_r50_8xb2-140k_crowdpose',
    'querypose_hrnet-w48_8xb2-280k_coco'
])
def test_builds(name):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        model = MODELS.build(config.model)
        maps = model.extract_feat(torch.zeros(1, 3, 64, 96))
    assert [tuple(feat.shape[1:]) for feat in maps
            ] == [(256, 64 // s, 96 // s) for s in (4, 8, 16, 32)]


def test_the_flow_learns_ten_times_faster():
    config = Config.fromfile(PATHS[0])
    keys = config.optim_wrapper.paramwise_cfg.custom_keys
    (key, options), = keys.items()
    assert options == dict(lr_mult=10)
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        head = MODELS.build(config.model)
    flow = [name for name, _ in head.named_parameters() if key in name]
    assert len(flow) == 72


@pytest.mark.parametrize('name', [
    'hqnet_r50-part-queries_16xb1-100e_coco-unihuman',
    'hqnet_toy_r18-part-queries_1xb4_toy-unihuman'
])
def test_refinement_of_hqnet(name):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert isinstance(model.bbox_head.task_heads.pose.refine, PartQueryRefiner)


SHOWN = [
    block for block in re.findall(
        r'^```python\n(.*?)^```$', (ROOT / 'docs/querypose.md').read_text(),
        flags=re.M | re.S) if 'roi_head' in block
]


@pytest.mark.parametrize('text', SHOWN)
def test_what_the_documentation_shows(tmp_path, text):
    toy = CONFIGS / 'querypose_toy_r18_1xb4_toy-unihuman.py'
    (tmp_path / 'config.py').write_text(f"_base_ = '{toy}'\n{text}")
    config = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(config.default_scope)
    head = MODELS.build(config.model).roi_head
    assert set(head.attributes) == set(
        config.model.roi_head.get('attributes', ()))
    assert len(head.pose_layers[0].pose.places) == head.num_keypoints
    evaluator = config.val_evaluator.copy()
    evaluator.pop('ann_file')
    assert set(head.attributes) <= set(METRICS.build(evaluator).metrics)
