"""Data set configs: tiny files in each format, read and evaluated."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from pycocotools import mask as mask_utils

from mmhqnet.registry import DATASETS, METRICS

CONFIGS = Path(__file__).parents[2] / 'configs/_base_/datasets'
HEIGHT, WIDTH = 120, 160
BOXES = [[20, 10, 60, 100], [90, 20, 60, 90]]  # x, y, width, height


@pytest.fixture(autouse=True)
def mmdet_scope():
    """As a runner does with ``default_scope = 'mmdet'``."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def dataset_file(num_keypoints, file_names=('1.jpg', '2.jpg'), **image_fields):
    """Two persons per image, with what the configs' tasks need."""
    images, annotations = [], []
    for image_id, file_name in enumerate(file_names, 1):
        images.append(
            dict(
                id=image_id,
                file_name=file_name,
                height=HEIGHT,
                width=WIDTH,
                **{
                    key: values[image_id - 1]
                    for key, values in image_fields.items()
                }))
        for x, y, w, h in BOXES:
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[y:y + h, x:x + w] = 1
            rle = mask_utils.encode(np.asfortranarray(mask))
            points = np.linspace([x, y], [x + w, y + h], num_keypoints)
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=1,
                    iscrowd=0,
                    bbox=[x, y, w, h],
                    area=w * h,
                    segmentation=dict(
                        size=rle['size'], counts=rle['counts'].decode()),
                    num_keypoints=num_keypoints,
                    keypoints=np.c_[
                        points, np.full(num_keypoints, 2)].ravel().tolist()))
    return dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=1, name='person')])


def without(dataset, *fields):
    for annotation in dataset['annotations']:
        for field in fields:
            del annotation[field]
    return dataset


def prepare(tmp_path, name, content, split='test'):
    """Put the file and its images where the config looks for them.

    Returns:
        tuple: The data set and its metric, built from the config.
    """
    config = Config.fromfile(CONFIGS / f'{name}.py')
    dataset = config[f'{split}_dataloader'].dataset
    evaluator = config[f'{split}_evaluator']
    root = tmp_path / dataset.data_root
    assert evaluator.ann_file == dataset.data_root + dataset.ann_file
    path = root / dataset.ann_file
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    picture = np.full((HEIGHT, WIDTH, 3), 127, np.uint8)
    for image in content['images']:
        photo = root / dataset.data_prefix.img / image['file_name']
        photo.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(photo), picture)
    dataset.data_root = str(root)
    evaluator.ann_file = str(path)
    dataset, metric = DATASETS.build(dataset), METRICS.build(evaluator)
    metric.dataset_meta = dataset.metainfo
    return dataset, metric


def perfect_predictions(dataset, content, num_keypoints):
    """What a perfect model says about each image that the data set gives."""
    for item in dataset:
        sample = item['data_samples']
        persons = [
            a for a in content['annotations'] if a['image_id'] == sample.img_id
        ]
        boxes = np.array([a['bbox'] for a in persons], float)
        boxes[:, 2:] += boxes[:, :2]
        pred = dict(
            bboxes=boxes,
            scores=np.linspace(.9, .8, len(persons)),
            labels=np.zeros(len(persons), int))
        if 'segmentation' in persons[0]:
            pred['masks'] = np.array([
                mask_utils.decode(a['segmentation']) for a in persons
            ]).astype(bool)
        if 'keypoints' in persons[0]:
            pred['keypoints'] = np.reshape([a['keypoints'] for a in persons],
                                           (-1, num_keypoints, 3))[..., :2]
        if 'face_box' in persons[0]:
            faces = np.array([a['face_box'] for a in persons], float)
            faces[:, 2:] += faces[:, :2]
            valid = np.array([a['face_valid'] for a in persons])
            pred.update(face_boxes=faces, face_scores=np.where(valid, .9, .01))
        yield dict(
            img_id=sample.img_id,
            ori_shape=sample.ori_shape,
            pred_instances={
                field: torch.from_numpy(values)
                for field, values in pred.items()
            })


def evaluate(dataset, metric, content, num_keypoints=17):
    samples = list(perfect_predictions(dataset, content, num_keypoints))
    assert len(samples) == len(content['images'])
    metric.process({}, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize('split', ['val', 'test'])
def test_ochuman(tmp_path, split):
    content = dataset_file(17, ['000001.jpg', '000002.jpg'])
    dataset, metric = prepare(tmp_path, 'ochuman', content, split)
    assert split in Path(metric.ann_file).name
    values = evaluate(dataset, metric, content)
    for task in ('box', 'mask', 'pose'):
        assert values[f'unihuman/{task}_AP'] == pytest.approx(1)
    assert not any('gender' in key or 'no_small' in key for key in values)


def test_humanart(tmp_path):
    content = without(
        dataset_file(17, ['HumanArt/images/a/1.jpg', 'HumanArt/images/2.jpg']),
        'segmentation')
    for annotation in content['annotations']:
        annotation.update(
            keypoints_21=[0] * 63, self_contact=[1, 2], description='a king')
    values = evaluate(*prepare(tmp_path, 'humanart', content), content)
    for key in ('box_AP', 'pose_AP', 'box_AP_no_small'):
        assert values[f'unihuman/{key}'] == pytest.approx(1)
    assert not any('mask' in key for key in values)


def test_crowdpose(tmp_path):
    content = without(dataset_file(14, crowdIndex=[.05, .9]), 'segmentation')
    dataset, metric = prepare(tmp_path, 'crowdpose', content)
    assert len(dataset.metainfo['sigmas']) == 14
    values = evaluate(dataset, metric, content, 14)
    for key in ('box_AP', 'pose_AP', 'pose_AP_easy', 'pose_AP_hard'):
        assert values[f'unihuman/{key}'] == pytest.approx(1)
    assert values['unihuman/pose_AP_medium'] == -1  # no such image


def test_wholebody(tmp_path):
    """The published files say ``face_valid``, and zeros without a face."""
    content = dataset_file(17)
    for number, person in enumerate(content['annotations']):
        x, y, width, height = person['bbox']
        person.update(
            face_box=[x, y, width / 2, height / 4],
            face_valid=True,
            lefthand_box=[0.0] * 4,
            lefthand_valid=False)
        if number == 1:
            person.update(face_box=[0.0] * 4, face_valid=False)
    dataset, metric = prepare(tmp_path, 'coco-wholebody', content)
    faces = np.concatenate([
        dataset[index]['data_samples'].gt_instances.face_valid
        for index in range(len(dataset))
    ])
    assert faces.tolist() == [True, False, True, True]
    values = evaluate(dataset, metric, content)
    for key in ('box_AP', 'mask_AP', 'pose_AP', 'face_AP', 'face_AR'):
        assert values[f'unihuman/{key}'] == pytest.approx(1), key


def test_faces(tmp_path):
    content = without(
        dataset_file(17), 'segmentation', 'keypoints', 'num_keypoints')
    content['categories'] = [dict(id=1, name='face')]
    dataset, metric = prepare(tmp_path, 'coco-wholebody-face', content)
    assert dataset.metainfo['classes'] == ('face', )
    values = evaluate(dataset, metric, content)
    assert values['unihuman/box_AP'] == pytest.approx(1)
    assert values['unihuman/box_AR'] == pytest.approx(1)
