"""The project: each part, and all together on drawn people."""
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from mmhqnet.models.matching import Assignment
from mmhqnet.structures.person_fields import fields_to_dicts, resolve_fields
from mmhqnet.testing import draw_data_set, make_encoded, make_sample
from mmhqnet.toy.dataset import annotation_file

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))
from feet import FeetHead, FeetMetric, FeetVisualizer  # noqa: E402

CONFIG = PROJECT / 'configs/hqnet-feet_toy-r18_1xb4_toy-unihuman.py'
ADD_FEET = runpy.run_path(str(PROJECT / 'tools/add_feet.py'))


@pytest.mark.parametrize('person, feet', [
    (dict(foot_kpts=[1, 2, 2, 3, 6, 1, 0, 0, 0] + [5, 5, 2] * 3),
     [2, 6, 2, 5, 5, 2]),
    (dict(keypoints=[0] * 45 + [7, 8, 1, 0, 0, 0]), [7, 8, 1, 0, 0, 0]),
    (dict(keypoints=[0] * 51), None),
    (dict(), None),
])
def test_feet_of_annotations(person, feet):
    assert ADD_FEET['feet_of'](person) == feet


@pytest.fixture
def sample():
    sample = make_sample(2, img_shape=(64, 96))
    sample.gt_instances.feet = torch.tensor([[[24., 32], [48, 64]],
                                             [[96, 0], [5, 5]]]).double()
    sample.gt_instances.feet_visible = torch.tensor([[2., 1], [1, 0]])
    return sample


def test_loss_is_the_distance_of_the_labelled_feet(sample):
    head = FeetHead(embed_dims=8, num_pred_layers=1, loss_weight=3.)
    encoded = make_encoded([sample])
    targets = [head.prepare_targets(sample.gt_instances, encoded)]
    pairs = Assignment(
        query_inds=torch.tensor([[1, 0]]),
        gt_inds=torch.tensor([[0, 1]]),
        pairs_per_image=[2])
    points = torch.tensor([[[1., 0], [9, 9]], [[.25, .5], [.5, 1]]])
    points = points[None, None].double().requires_grad_()
    outputs = dict(points=points)
    loss = head.loss(outputs, targets, pairs, encoded)['loss_feet']
    assert loss.tolist() == [0]  # the last foot is not labelled
    moved = dict(points=points + .25)
    loss = head.loss(moved, targets, pairs, encoded)['loss_feet']
    # three labelled feet, each x and y off by .25
    assert loss.tolist() == pytest.approx([3 * 3 * .5 / 3])
    loss.backward()
    assert not points.grad[0, 0, 0, 1].any()


def test_feet_begin_at_the_lower_edge_of_the_box(sample):
    head = FeetHead(embed_dims=8, num_pred_layers=1)
    head.init_weights()
    box = torch.tensor([[[.5, .4, .2, .6]]])
    outputs = head(torch.randn(1, 1, 8), box.logit(), 0)
    decoded = head.decode(outputs, {}, None)
    result, = head.pack(decoded, None, [sample.metainfo], rescale=False)
    torch.testing.assert_close(result['feet'],
                               torch.tensor([[[48., .7 * 64]] * 2]))


@pytest.mark.parametrize('shift, pck', [(5., 1.), (15., 0.)])
def test_metric(shift, pck):
    boxes = torch.tensor([[0., 0, 50, 100]])
    feet = torch.tensor([[[10., 100], [40, 100]]])
    gt = dict(bboxes=boxes, feet=feet, feet_visible=torch.tensor([[2., 1]]))
    pred = dict(
        bboxes=torch.cat([boxes + 500, boxes]),
        scores=torch.tensor([.9, .1]),
        feet=torch.cat([feet, feet + torch.tensor([shift, 0])]))
    nobody = {key: value[:0] for key, value in gt.items()}
    metric = FeetMetric()
    metric.process({}, [
        dict(gt_instances=gt, pred_instances=pred),
        dict(gt_instances=nobody, pred_instances=pred)
    ])
    assert metric.evaluate(2) == {'feet/PCK': pck}


def test_drawing():
    meta = dict(
        person_fields=fields_to_dicts(
            resolve_fields(dict(feet=dict(type='points', num_points=2)))))
    instances = InstanceData(
        bboxes=torch.tensor([[20., 10, 60, 90]]),
        feet=torch.tensor([[[30., 85], [50, 85]]]))
    visualizer = FeetVisualizer()
    visualizer.dataset_meta = meta
    grey = np.full((100, 80, 3), 128, np.uint8)
    sample = DetDataSample(gt_instances=instances)
    visualizer.add_datasample('feet', grey, sample)
    drawn = visualizer.get_image()
    assert (drawn[80:90, 22:58] == 255).all(-1).any()


def test_trained_and_evaluated_on_drawn_people(tmp_path, capsys):
    data = tmp_path / 'toy'
    draw_data_set(data, seed=1)
    for split in ('train', 'val'):
        out = data / f'annotations/toy_feet_{split}.json'
        ADD_FEET['main']([str(annotation_file(data, split)), str(out)])
        assert 'persons' in capsys.readouterr().out
        persons = json.loads(out.read_text())['annotations']
        assert any('feet' in person for person in persons)
    config = Config.fromfile(CONFIG)
    config.merge_from_dict({
        'work_dir': str(tmp_path / 'work_dir'),
        'experiment_name': 'feet',
        'train_dataloader.dataset.data_root': f'{data}/',
        'val_dataloader.dataset.data_root': f'{data}/',
        'test_dataloader.dataset.data_root': f'{data}/',
        'train_dataloader.batch_size': 2,
        'model.num_queries': 4,
        'model.test_cfg.max_per_img': 4,
        'model.encoder.num_layers': 1,
        'train_cfg.max_iters': 1,
        'train_cfg.val_interval': 1,
    })
    config.val_evaluator[0].ann_file = str(data /
                                           'annotations/toy_feet_val.json')
    runner = Runner.from_cfg(config)
    runner.train()
    loss, = runner.message_hub.log_scalars['train/loss_feet'].data[0]
    assert np.isfinite(loss)
    values = runner.val_loop.run()
    assert 0 <= values['feet/PCK'] <= 1
    assert 0 <= values['unihuman/feet_AP'] <= 1
