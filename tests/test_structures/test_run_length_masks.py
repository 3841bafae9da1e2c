"""Masks drawn late show the same pixels as masks drawn at once."""
import pickle
import random

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData
from pycocotools import mask as mask_utils

from mmhqnet.datasets import LoadHumanAnnotations
from mmhqnet.registry import DATASETS
from mmhqnet.structures.run_length_masks import (RunLengthMasks,
                                                 decode_columns, run_lengths)

SIZE = (48, 64)


def make_pixels(seed=0, number=5, size=SIZE):
    """Blobs, one of them in all four corners, and an empty mask."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((number, *size), np.uint8)
    for mask in pixels[:-1]:
        top, left = rng.integers(0, size[0] - 9), rng.integers(0, size[1] - 9)
        h, w = rng.integers(1, size[0] - top), rng.integers(1, size[1] - left)
        mask[top:top + h, left:left + w] = rng.uniform(size=(h, w)) < .8
    pixels[0, ::size[0] - 1, ::size[1] - 1] = 1
    return pixels


def both(pixels):
    """The same masks, drawn late and drawn at once."""
    codes = mask_utils.encode(np.asfortranarray(pixels.transpose(1, 2, 0)))
    return (RunLengthMasks.of_image(codes, *pixels.shape[1:]),
            BitmapMasks(pixels, *pixels.shape[1:]))


def assert_same(late, at_once):
    assert (len(late), late.height,
            late.width) == (len(at_once), at_once.height, at_once.width)
    np.testing.assert_array_equal(late.to_ndarray(), at_once.masks)
    assert late.to_ndarray().dtype == np.uint8


TRANSFORMS = {
    'flip': lambda m: m.flip(),
    'vertical flip': lambda m: m.flip('vertical'),
    'diagonal flip': lambda m: m.flip('diagonal'),
    'enlarge': lambda m: m.resize((107, 93)),
    'shrink': lambda m: m.resize((31, 17)),
    'rescale': lambda m: m.rescale((80, 133)),
    'rescale by a factor': lambda m: m.rescale(.73),
    'crop': lambda m: m.crop(np.array([3, 5, 40, 37])),
    'crop beyond the edge': lambda m: m.crop(np.array([9, -4, 999, 999])),
    'pad': lambda m: m.pad((m.height + 7, m.width + 3)),
    'select': lambda m: m[np.array([4, 0, 1])],
}


@pytest.mark.parametrize('name', TRANSFORMS)
@pytest.mark.parametrize('seed', range(3))
def test_each_transform(name, seed):
    late, at_once = map(TRANSFORMS[name], both(make_pixels(seed)))
    assert isinstance(late, RunLengthMasks)
    assert_same(late, at_once)


@pytest.mark.parametrize('seed', range(30))
def test_chains_of_transforms(seed):
    rng = random.Random(seed)
    late, at_once = both(make_pixels(seed))
    names = [name for name in TRANSFORMS if name != 'select']
    for name in rng.choices(names, k=5):
        late, at_once = map(TRANSFORMS[name], (late, at_once))
    assert isinstance(late, RunLengthMasks)
    assert_same(late, at_once)


@pytest.mark.parametrize('length', [*range(1, 200, 7), 640, 1333])
@pytest.mark.parametrize('size', [(60, 2), (2, 60)])
def test_resizing_takes_the_pixels_that_opencv_takes(length, size):
    pixels = np.random.default_rng(length).integers(
        0, 2, (1, *size), dtype=np.uint8)
    for out_shape in ((length, 3), (3, length)):
        assert_same(*(m.resize(out_shape) for m in both(pixels)))


@pytest.mark.parametrize('index', [
    0, -1,
    slice(1, 3), [], [2, 2],
    np.array([True, False] * 2 + [True]),
    torch.tensor([3, 0])
])
def test_indices(index):
    late, at_once = both(make_pixels())
    assert_same(late[index], at_once[index])


@pytest.mark.parametrize('name', TRANSFORMS)
def test_no_masks_at_all(name):
    if name == 'select':
        return
    late, at_once = both(make_pixels()[:0])
    assert_same(*map(TRANSFORMS[name], (late, at_once)))


def test_nothing_is_drawn_on_the_way(monkeypatch):
    late, _ = both(make_pixels())
    monkeypatch.setattr(RunLengthMasks, '_draw', None)
    for transform in TRANSFORMS.values():
        late = transform(late)
        assert repr(late).startswith(f'RunLengthMasks(num_masks={len(late)}')
    assert len(pickle.dumps(late.resize((1000, 1000)))) < 20_000
    with pytest.raises(TypeError):
        late.masks


@pytest.mark.parametrize('change', [
    lambda m: m.translate(SIZE, 5),
    lambda m: m.expand(60, 70, 3, 4),
    lambda m: m.pad((60, 70), pad_val=1),
    lambda m: m.resize((31, 41), interpolation='bilinear'),
    lambda m: m.rotate(SIZE, 30),
    pytest.param(
        lambda m: m.crop_and_resize(
            np.array([[0., 0, 30, 30]]), (8, 8), np.array([1])),
        marks=pytest.mark.ops),
])
def test_other_transforms_work_on_the_pixels(change):
    late, at_once = map(change, both(make_pixels()))
    assert type(late) is BitmapMasks
    np.testing.assert_array_equal(late.masks, at_once.masks)


@pytest.mark.parametrize('name', TRANSFORMS)
def test_changed_pixels_stay_changed(name):
    late, at_once = both(make_pixels())
    for masks in (late, at_once):
        masks.masks[1, 10:20, 10:20] = 1
    assert_same(*map(TRANSFORMS[name], (late, at_once)))
    late.masks = at_once.masks = 1 - at_once.masks
    assert_same(*map(TRANSFORMS[name], (late, at_once)))
    assert_same(pickle.loads(pickle.dumps(late)), at_once)


def test_what_others_ask_of_masks():
    late, at_once = both(make_pixels())
    assert late.areas.tolist() == at_once.areas.tolist()
    assert late.get_bboxes(HorizontalBoxes).tensor.equal(
        at_once.get_bboxes(HorizontalBoxes).tensor)
    for one, other in zip(late, at_once):
        np.testing.assert_array_equal(one, other)
    for dtype in (torch.uint8, torch.bool, torch.float64):
        tensor = both(make_pixels())[0].to_tensor(dtype, 'cpu')
        assert tensor.dtype == dtype
        assert tensor.equal(at_once.to_tensor(dtype, 'cpu'))
    joined = RunLengthMasks.cat([late[:2], late[2:]])
    np.testing.assert_array_equal(joined.masks, at_once.masks)


def test_samples_can_be_indexed_and_joined():
    late, at_once = both(make_pixels())
    persons = InstanceData(masks=late, labels=torch.arange(5))
    chosen = persons[persons.labels > 2]
    assert_same(chosen.masks, at_once[3:])
    assert_same(
        InstanceData.cat([chosen, persons[:3]]).masks, at_once[[3, 4, 0, 1,
                                                                2]])
    sample = DetDataSample(gt_instances=persons).clone()
    assert_same(sample.gt_instances.masks, at_once)


@pytest.mark.parametrize('counts', [[0, 12], [12], [5, 0, 0, 3, 4], [0, 0, 12],
                                    [1, 1] * 6, [7, 5], [6, 6, 0]])
def test_run_lengths_by_hand(counts):
    code = mask_utils.frPyObjects(dict(size=[3, 4], counts=counts), 3, 4)
    assert run_lengths(code['counts']).tolist() == counts
    assert run_lengths(code['counts'].decode()).tolist() == counts
    late = RunLengthMasks.of_image([code], 3, 4)
    np.testing.assert_array_equal(late.masks[0], mask_utils.decode(code))


def test_long_runs():
    counts = [1_000_000, 3, 5_000_000, 70, 2, 40_000]
    size = [1000, sum(counts) // 1000 + 1]
    counts.append(size[0] * size[1] - sum(counts))
    code = mask_utils.frPyObjects(dict(size=size, counts=counts), *size)
    assert run_lengths(code['counts']).tolist() == counts


def test_only_some_columns():
    pixels = make_pixels()[1]
    pixels[:, :10] = pixels[:, 50:] = 0
    code = mask_utils.encode(np.asfortranarray(pixels))
    np.testing.assert_array_equal(
        decode_columns(code, 10, 50), pixels.T[10:50])


def draw_at_once(results):
    """A transform that makes what mmdet loads."""
    masks = results['gt_masks']
    results['gt_masks'] = BitmapMasks(
        [mask_utils.decode(code) for code in masks.codes], masks.height,
        masks.width)
    return results


@pytest.mark.parametrize('seed', range(6))
def test_the_published_pipeline_draws_the_same_masks(photos, seed):
    """Polygons and crowds of real photos, through flip, resize and crop."""
    config = Config.fromfile(photos.parents[2] /
                             'configs/_base_/datasets/coco_unihuman.py')
    dataset = DATASETS.build({
        **config.train_dataloader.dataset, 'data_root':
        str(photos),
        'ann_file':
        'person_keypoints.json',
        'data_prefix':
        dict(img='images')
    })

    def load():
        random.seed(seed)
        np.random.seed(seed)
        sample = dataset[seed % 2]['data_samples']
        return sample.gt_instances.masks, sample.ignored_instances.masks

    late = load()
    steps = dataset.pipeline.transforms
    steps.insert(
        1 + [type(step) for step in steps].index(LoadHumanAnnotations),
        draw_at_once)
    at_once = load()
    assert type(at_once[0]) is BitmapMasks and len(at_once[0])
    for one, other in zip(late, at_once):
        assert isinstance(one, RunLengthMasks)
        assert_same(one, other)
