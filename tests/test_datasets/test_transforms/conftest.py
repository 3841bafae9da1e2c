import copy
import functools

import pytest
from mmengine.dataset import Compose

from mmhqnet.registry import DATASETS

LOAD = [dict(type='LoadHumanImage'), dict(type='LoadHumanAnnotations')]


@functools.lru_cache(maxsize=None)
def load_crowded_photo(photos):
    dataset = DATASETS.build(
        dict(
            type='CocoUniHumanDataset',
            ann_file='person_keypoints.json',
            data_root=str(photos),
            data_prefix=dict(img='images'),
            pipeline=LOAD))
    return dataset[0]


@pytest.fixture
def crowded_photo(photos):
    """Loaded photo of 14 people, one of them a crowd; a fresh copy each."""
    sample = load_crowded_photo(photos)
    assert len(sample['gt_bboxes']) == 14
    return lambda: copy.deepcopy(sample)


@pytest.fixture
def load_tiny(tiny, make_dataset):
    """Load image 1, 2 or 3 of the tiny data set."""
    dataset = make_dataset(tiny, pipeline=LOAD)
    return lambda image: dataset[image - 1]


@pytest.fixture
def apply():

    def apply(sample, *transforms):
        return Compose(list(transforms))(sample)

    return apply
