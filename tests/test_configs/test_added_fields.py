"""A new attribute is a config and nothing else: a category and a number are
learnt from drawn people, evaluated, drawn and written."""
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmhqnet.apis import HQNetInferencer
from mmhqnet.testing import draw_data_set
from mmhqnet.toy.dataset import annotation_file

TOY = (
    Path(__file__).parents[2] /
    'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py')
# What somebody writes who has mmhqnet installed.
CONFIG = """
_base_ = '{base}'
person_fields = dict(
    helmet=dict(type='category', classes=('none', 'helmet')),
    height_cm=dict(type='number', error=10, text='{{}} cm'))
data = dict(person_fields=person_fields, data_root='{data}/')
train_dataloader = dict(batch_size=2, dataset=data)
val_dataloader = dict(batch_size=2, dataset=data)
test_dataloader = val_dataloader
val_evaluator = dict(
    ann_file='{ann_file}',
    metric=['box', 'age', 'helmet', 'height_cm', 'face'],
    protocol=['official', 'ignore_unlabelled'])
test_evaluator = val_evaluator
model = dict(
    num_queries=6,
    encoder=dict(num_layers=1),
    bbox_head=dict(
        task_heads=dict(
            mask=None,
            pose=None,
            helmet=dict(type='CategoryHead', field='helmet', num_classes=2),
            height=dict(
                type='NumberHead', field='height_cm', mean=150., std=30.),
            face=dict(type='FaceHead'))),
    test_cfg=dict(max_per_img=6))
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(
    checkpoint=dict(interval=2, save_best='auto'), logger=dict(interval=1))
work_dir = '{work_dir}'
experiment_name = 'added_fields'
"""


def add_labels(path, share):
    """A helmet, a height and a face of a part of the persons."""
    content = json.loads(path.read_text())
    rng = np.random.default_rng(0)
    for person in content['annotations']:
        x, y, width, height = person['bbox']
        if rng.random() < share:
            person['helmet'] = str(rng.choice(['none', 'helmet']))
        if rng.random() < share:
            person['height_cm'] = 100 + 100 * rng.random()
        if rng.random() < share:
            person['face_box'] = [x, y, width, height / 4]
            person['valid']['face'] = 1
    path.write_text(json.dumps(content))


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp('added')
    data = folder / 'toy'
    draw_data_set(data, num_train=4, num_val=2, unlabelled=.3)
    add_labels(annotation_file(data, 'train'), .7)
    add_labels(annotation_file(data, 'val'), 1)
    path = folder / 'my_config.py'
    path.write_text(
        CONFIG.format(
            base=TOY,
            data=data,
            ann_file=annotation_file(data, 'val'),
            work_dir=folder / 'work_dir'))
    return path


@pytest.fixture(scope='module')
def metrics(config):
    """Trained for two steps, and evaluated."""
    runner = Runner.from_cfg(Config.fromfile(config))
    runner.train()
    history = runner.message_hub.log_scalars
    for name in ('loss_helmet', 'loss_height_cm', 'loss_face_bbox'):
        losses = history[f'train/{name}'].data[0]
        assert len(losses) == 2 and np.isfinite(losses).all()
    return runner.val_loop.run()


def test_both_are_trained_and_evaluated(metrics, config):
    assert (config.parent / 'work_dir/iter_2.pth').is_file()
    for name in ('helmet', 'height_cm', 'helmet_ignore_unlabelled',
                 'height_cm_ignore_unlabelled', 'face', 'age'):
        assert 0 <= metrics[f'unihuman/{name}_AP'] <= 1
    assert 0 <= metrics['unihuman/face_AR'] <= 1
    best, = (config.parent / 'work_dir').glob('best_unihuman_box_AP_*.pth')
    assert best.is_file()


def test_results_name_the_class(metrics, config, tmp_path):
    checkpoint = config.parent / 'work_dir/iter_2.pth'
    inferencer = HQNetInferencer(str(config), str(checkpoint), 'cpu')
    image = config.parent / 'toy/images/val/1000001.jpg'
    result = inferencer(str(image), out_dir=str(tmp_path), no_save_pred=False)
    person = result['predictions'][0]
    assert set(person['helmet']) <= {'none', 'helmet'}
    assert all(0 <= score <= 1 for score in person['helmet_scores'])
    assert all(isinstance(height, float) for height in person['height_cm'])
    written = json.loads((tmp_path / 'preds/1000001.json').read_text())
    assert written['helmet'] == person['helmet']
    assert (tmp_path / 'vis/1000001.jpg').is_file()
    # And so does the picture.
    fields = inferencer.visualizer.dataset_meta['person_fields']
    assert fields['helmet']['classes'] == ('none', 'helmet')
