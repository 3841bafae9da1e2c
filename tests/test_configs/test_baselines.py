"""Each baseline trains on toy data and is evaluated by our metric."""
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmhqnet.registry import DATASETS

CONFIGS = Path(__file__).parents[2] / 'configs/baselines'
# NMS and RoIAlign, or mmpose's models, are compiled.
COMPILED = ('faster-rcnn', 'mask-rcnn', 'dino-crop-pose')


def toy_configs():
    return [
        pytest.param(
            path,
            id=path.stem,
            marks=[pytest.mark.ops] if path.stem.startswith(COMPILED) else [])
        for path in sorted(CONFIGS.glob('*_toy_*.py'))
    ]


@pytest.fixture(scope='module')
def data(draw_toy):
    return draw_toy(num_train=4)


@pytest.mark.parametrize('path', toy_configs())
def test_trains_and_is_evaluated(path, data, tmp_path):
    config = Config.fromfile(path)
    config.work_dir = str(tmp_path)
    config.experiment_name = path.stem
    config.launcher = 'none'
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.dataset.data_root = str(data)
        loader.batch_size = 2
    for split in ('val', 'test'):
        config[f'{split}_evaluator'].ann_file = str(
            data / 'annotations/toy_unihuman_val.json')
    config.train_cfg.update(max_iters=3, val_interval=3)
    config.default_hooks.checkpoint = None
    config.default_hooks.logger.interval = 1
    config.optim_wrapper.optimizer.fused = False
    metrics = config.val_evaluator.metric
    runner = Runner.from_cfg(config)
    before = {n: p.clone() for n, p in runner.model.named_parameters()}
    runner.train()
    still = [
        n for n, p in runner.model.named_parameters()
        if p.requires_grad and torch.equal(p, before[n])
    ]
    assert len(still) < 0.2 * len(before), still
    values = runner.val_loop.run()
    for metric in [metrics] if isinstance(metrics, str) else metrics:
        assert 0 <= values[f'unihuman/{metric}_AP'] <= 1


def test_each_has_a_toy_form():
    names = {path.stem for path in CONFIGS.glob('*.py')}
    toys = {name.split('_toy_')[0] for name in names if '_toy_' in name}
    assert toys == {
        name.split('_')[0]
        for name in names if '_toy_' not in name and '80-classes' not in name
    }


def test_all_classes_of_coco_train_and_persons_are_evaluated(tmp_path):
    config = Config.fromfile(CONFIGS /
                             'mask-rcnn-80-classes_r50_8xb2-12e_coco.py')
    assert config.val_evaluator.ann_file.endswith('unihuman_val_v1.json')
    classes = config.train_dataloader.dataset.metainfo.classes
    assert len(set(classes)) == 80 and classes[0] == 'person'
    content = dict(
        images=[dict(id=1, file_name='1.jpg', height=90, width=90)],
        categories=[
            dict(id=100 - label, name=name)
            for label, name in enumerate(classes)
        ],
        annotations=[
            dict(
                id=label,
                image_id=1,
                category_id=100 - label,
                bbox=[10, 10, 40, 50],
                area=2000,
                iscrowd=0,
                segmentation=[[10, 10, 50, 10, 50, 60]])
            for label in (79, 16, 0)
        ])
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(content))
    labels = {}
    for split in ('train', 'val'):
        dataset = config[f'{split}_dataloader'].dataset
        dataset.update(ann_file=str(path), data_root='')
        instances = DATASETS.build(dataset).get_data_info(0)['instances']
        labels[split] = sorted(i['bbox_label'] for i in instances)
    assert labels == dict(train=[0, 16, 79], val=[0])
