import copy
import json

import cv2
import numpy as np
import pytest

import mmhqnet.datasets  # noqa: F401
from mmhqnet.registry import DATASETS


@pytest.fixture
def tiny():
    """COCO-UniHuman content: one fully and one partly labelled person and a
    crowd in image 1, only a crowd in image 2, nobody in image 3."""
    keypoints = []
    for k in range(17):
        keypoints += [20 + k, 30 + 2 * k, 2 - k % 3]
    person = dict(
        id=11,
        image_id=1,
        category_id=1,
        bbox=[10, 20, 40, 50],
        area=1000.,
        iscrowd=0,
        segmentation=[[10, 20, 50, 20, 50, 70, 10, 70]],
        num_keypoints=12,
        keypoints=keypoints,
        gender=1,
        age=27,
        valid=dict(bboxes=1, keypoints_2d=1, segmentation=1, gender=1, age=1))
    unlabelled = dict(
        id=12, image_id=1, category_id=1, bbox=[60, 5, 30, 60], area=900.)
    crowd = dict(
        id=13,
        image_id=1,
        category_id=1,
        bbox=[0, 0, 8, 10],
        area=80.,
        iscrowd=1,
        keypoints=[0] * 51,
        segmentation=dict(size=[80, 100], counts=[0, 10, 7990]))
    return copy.deepcopy(
        dict(
            images=[
                dict(id=i, file_name=f'{i}.png', height=80, width=100)
                for i in (1, 2, 3)
            ],
            annotations=[
                person, unlabelled, crowd, {
                    **crowd, 'id': 14,
                    'image_id': 2
                }
            ],
            categories=[dict(id=1, name='person')]))


@pytest.fixture
def make_dataset(tmp_path):
    """Write annotations (and a noise image for each) and build a data set."""

    def make(content, **kwargs):
        ann_file = tmp_path / 'annotations.json'
        if isinstance(content, str):
            ann_file.write_text(content)
        else:
            ann_file.write_text(json.dumps(content))
            rng = np.random.default_rng(0)
            for image in content.get('images', []):
                pixels = rng.integers(0, 256, (80, 100, 3), np.uint8)
                cv2.imwrite(str(tmp_path / image['file_name']), pixels)
        return DATASETS.build({
            'type': 'CocoUniHumanDataset',
            'ann_file': str(ann_file),
            'data_prefix': dict(img=str(tmp_path)),
            **kwargs
        })

    return make
