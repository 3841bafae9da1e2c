"""Real photos, with perturbed ground truth in the place of predictions."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as mask_utils

PHOTOS = Path(__file__).parents[1] / 'data/coco_ccby/person_keypoints.json'


@pytest.fixture(scope='session')
def photo_annotations():
    """COCO annotations of 13 photos. Gender and age are made up."""
    rng = np.random.default_rng(5)
    dataset = json.loads(PHOTOS.read_text())
    for annotation in dataset['annotations']:
        if rng.random() < .7 and not annotation['iscrowd']:
            annotation['gender'] = int(rng.integers(2))
        if rng.random() < .7 and not annotation['iscrowd']:
            annotation['age'] = int(rng.integers(85))
    return dataset


@pytest.fixture(scope='session')
def photo_file(photo_annotations, tmp_path_factory):
    """The annotations as a file."""
    path = tmp_path_factory.mktemp('photos') / 'annotations.json'
    path.write_text(json.dumps(photo_annotations))
    return str(path)


def _binary_mask(annotation, height, width):
    segmentation = annotation['segmentation']
    if not isinstance(segmentation, list):
        rle = mask_utils.frPyObjects(segmentation, height, width)
    else:
        rle = mask_utils.merge(
            mask_utils.frPyObjects(segmentation, height, width))
    return mask_utils.decode(rle).astype(bool)


def _perturbed_person(annotation, image, rng):
    x, y, w, h = annotation['bbox']
    size = np.sqrt(w * h)
    shift = rng.normal(size=2) * size * rng.choice([.01, .05, .2])
    mask = _binary_mask(annotation, image['height'], image['width'])
    keypoints = np.reshape(annotation['keypoints'], (-1, 3))[:, :2]
    right = rng.random() < .7
    return dict(
        bboxes=np.r_[x, y, x + w, y + h] + np.tile(shift, 2),
        scores=rng.integers(1, 40) / 40,  # with ties
        labels=0,
        masks=np.roll(mask, shift.astype(int), (1, 0)),
        mask_scores=rng.uniform(.3, 1),
        keypoints=keypoints + rng.normal(size=(17, 2)) * size * .04,
        keypoint_scores=rng.random(17),
        genders=annotation.get('gender', 0) if right else rng.integers(2),
        gender_scores=rng.random(),
        ages=annotation.get('age', 30) + rng.normal() * (5 if right else 30))


DTYPES = dict(labels=np.int64, genders=np.int64, masks=bool)


@pytest.fixture(scope='session')
def photo_samples(photo_annotations):
    """Data samples of a test loop, as dictionaries of tensors.

    Some persons are found twice, some not at all, some image is empty.
    """
    rng = np.random.default_rng(11)
    samples = []
    for image in photo_annotations['images']:
        height, width = image['height'], image['width']
        shapes = dict(
            bboxes=(4, ),
            masks=(height, width),
            keypoints=(17, 2),
            keypoint_scores=(17, ))
        persons = [
            _perturbed_person(annotation, image, rng)
            for annotation in photo_annotations['annotations']
            if annotation['image_id'] == image['id']
            for _ in range(rng.choice([0, 1, 1, 2]))
        ]
        fields = ('bboxes', 'scores', 'labels', 'masks', 'mask_scores',
                  'keypoints', 'keypoint_scores', 'genders', 'gender_scores',
                  'ages')
        samples.append(
            dict(
                img_id=image['id'],
                ori_shape=(height, width),
                pred_instances={
                    field:
                    torch.from_numpy(
                        np.array([person[field] for person in persons],
                                 DTYPES.get(field, np.float32)).reshape(
                                     (-1, *shapes.get(field, ()))))
                    for field in fields
                }))
    samples[3]['pred_instances'] = {
        field: values[:0]
        for field, values in samples[3]['pred_instances'].items()
    }
    return samples


@pytest.fixture(scope='session')
def photo_results(photo_samples):
    """The same predictions as COCO results, written out in plain loops."""
    results = dict(bbox=[], segm=[], keypoints=[], attributes=[])
    for sample in photo_samples:
        pred = sample['pred_instances']
        for i, score in enumerate(pred['scores'].tolist()):
            common = dict(image_id=sample['img_id'], category_id=1)
            x1, y1, x2, y2 = pred['bboxes'][i].tolist()
            box = [x1, y1, x2 - x1, y2 - y1]
            results['bbox'].append(dict(common, bbox=box, score=score))
            rle = mask_utils.encode(
                np.asfortranarray(pred['masks'][i].numpy().astype(np.uint8)))
            results['segm'].append(
                dict(
                    common,
                    segmentation=dict(
                        size=rle['size'], counts=rle['counts'].decode()),
                    score=pred['mask_scores'][i].item()))
            triples = [[
                *point, confidence
            ] for point, confidence in zip(pred['keypoints'][i].tolist(),
                                           pred['keypoint_scores'][i].tolist())
                       ]
            results['keypoints'].append(
                dict(common, keypoints=sum(triples, []), score=score))
            results['attributes'].append(
                dict(
                    common,
                    bbox=box,
                    score=score,
                    gender=pred['genders'][i].item(),
                    gender_score=pred['gender_scores'][i].item(),
                    age=pred['ages'][i].item()))
    return results
