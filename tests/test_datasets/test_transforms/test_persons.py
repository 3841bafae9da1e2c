"""Persons and their labels stay together, or a step is named."""
import copy

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import Compose

from mmhqnet.datasets.transforms.persons import (PersonPipeline,
                                                 PersonTransform, TrackedBoxes,
                                                 join_persons, person_keys)
from mmhqnet.errors import InputError
from mmhqnet.registry import TRANSFORMS
from mmhqnet.structures.person_fields import fields_in

PACK = dict(type='PackHumanInputs')
# What mmdet's transforms do to persons without our help.
PARTING = [
    dict(type='FilterAnnotations', min_gt_bbox_wh=(30, 30), by_mask=True),
    dict(type='RandomCrop', crop_size=(500, 380)),
    dict(type='MinIoURandomCrop', min_ious=(.1, )),
    dict(type='RandomFlip', prob=1.),
    dict(type='Resize', scale=(300, 200)),
    dict(type='Expand', prob=1.),
    dict(type='RandomShift', prob=1., max_shift_px=60),
    dict(type='RandomChoiceResize', scales=[(300, 200)]),
]
AFFINE = dict(
    type='HumanRandomAffine', max_rotate_degree=30., border=(-20, -10))


@pytest.fixture
def marked_photo(crowded_photo):
    """Each person's labels tell who it is."""
    sample = crowded_photo()
    boxes = sample['gt_bboxes'].tensor.numpy()
    sample['gt_ages'] = np.arange(14)
    sample['gt_areas'] = boxes[:, 2:].prod(1) - 0
    # The first keypoint is the middle of the box, the face its left half.
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    sample['gt_keypoints'][:, 0] = middle
    sample['gt_keypoints_visible'][:, 0] = 2
    sample['gt_face_boxes'] = np.c_[boxes[:, :2], middle[:, 0], boxes[:, 3]]
    sample['gt_face_valid'] = np.ones(14, bool)
    sample['gt_extra_fields'] = np.array([dict(person=i) for i in range(14)])
    return sample


def seeded(step, sample):
    """A step that moved something and left somebody uncut."""
    for seed in range(100):
        np.random.seed(seed)
        after = TRANSFORMS.build(step)(copy.deepcopy(sample))
        if after is None or torch.equal(after['gt_bboxes'].tensor,
                                        sample['gt_bboxes'].tensor):
            continue
        if uncut(after).any():
            return after
    raise AssertionError('nothing moved, or everybody is cut')


def uncut(sample):
    boxes = sample['gt_bboxes'].tensor.numpy()
    height, width = sample['img'].shape[:2]
    return ((boxes > 1) & (boxes < [width - 1, height - 1] * 2)).all(1)


@pytest.mark.parametrize('step', PARTING, ids=lambda step: step['type'])
def test_mmdets_transforms_are_named(marked_photo, step):
    np.random.seed(5)  # MinIoURandomCrop may do nothing
    ours = f"Human{step['type']}"
    remedy = ours if ours in TRANSFORMS else "resize_type='HumanResize'"
    assert 'Human' in remedy
    with pytest.raises(
            InputError,
            match=f"photo|jpg: pipeline step {step['type']} .*"
            f'{remedy}'):
        PersonPipeline([step, PACK])(marked_photo)


@pytest.mark.parametrize('step', PARTING[:-1], ids=lambda step: step['type'])
def test_packing_and_our_transforms_refuse_what_was_parted(marked_photo, step):
    """In pipelines that no data set of ours looks at."""
    np.random.seed(5)
    parted = TRANSFORMS.build(step)(marked_photo)
    for last in (PACK, dict(type='HumanRandomFlip', prob=1.)):
        with pytest.raises(InputError, match=f"step before {last['type']} "):
            Compose([last])({**parted})


def test_nested_transforms_are_found(marked_photo):
    choice = dict(
        type='RandomChoice', transforms=[[dict(type='RandomFlip', prob=1.)]])
    with pytest.raises(InputError, match='step RandomChoice .*Human'):
        PersonPipeline([choice, PACK])(marked_photo)


def test_a_data_set_watches_its_pipeline(tiny, make_dataset):
    dataset = make_dataset(
        tiny,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(50, 40)),  # before there are labels
            dict(type='LoadHumanAnnotations'),
            dict(type='PhotoMetricDistortion'),
            dict(type='RandomFlip', prob=1.),
            PACK
        ])
    with pytest.raises(InputError, match="1.png: .*use 'HumanRandomFlip'"):
        dataset[0]


@pytest.mark.parametrize(
    'step', [
        *(dict(step, type=f"Human{step['type']}")
          for step in PARTING[:-1]), AFFINE
    ],
    ids=lambda step: step['type'])
def test_everything_goes_where_its_person_goes(marked_photo, step):
    if step is AFFINE:
        del marked_photo['gt_masks'], marked_photo['gt_mask_valid']
    after = seeded(step, marked_photo)
    kept = after['gt_ages']
    num_persons, (height, width) = len(kept), after['img'].shape[:2]
    for key in person_keys(after):
        assert len(after[key]) == num_persons, key
    assert [extra['person']
            for extra in after['gt_extra_fields']] == kept.tolist()
    for key in ('gt_genders', 'gt_ignore_flags', 'gt_bboxes_labels'):
        np.testing.assert_equal(after[key], marked_photo[key][kept])

    boxes = after['gt_bboxes'].tensor.numpy()
    whole = uncut(after)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    flipped = step['type'] == 'HumanRandomFlip'
    np.testing.assert_allclose(
        after['gt_keypoints'][whole, 0], middle[whole], atol=.1)
    faces = after['gt_face_boxes'][whole]
    if step is not AFFINE:
        side = 2 if flipped else 0
        np.testing.assert_allclose(
            faces[:, [side, 1, 3]], boxes[whole][:, [side, 1, 3]], atol=.1)
        np.testing.assert_allclose(
            faces[:, 2 - side], middle[whole, 0], atol=.1)
    assert (after['gt_keypoints_visible'][whole, 0] == 2).all()
    invisible = after['gt_keypoints_visible'] == 0
    assert not after['gt_keypoints'][invisible].any()
    if 'gt_masks' in after:
        masks = after['gt_masks'].masks
        assert masks.shape == (num_persons, height, width)
        drawn = whole & (masks.sum((1, 2)) > 200)
        assert drawn.any()
        tight = after['gt_masks'].get_bboxes(HorizontalBoxes).tensor.numpy()
        np.testing.assert_allclose(tight[drawn], boxes[drawn], atol=3)
    PersonPipeline([PACK])(after)


def test_cut_off_faces_are_clipped_and_gone_ones_invalid(load_tiny):
    sample = load_tiny(1)
    sample['gt_face_boxes'][:] = [10, 20, 30, 30], [60, 5, 80,
                                                    20], [0, 0, 5, 5]
    sample['gt_face_valid'][:] = True
    field = fields_in(sample)['face']
    crop = TRANSFORMS.build(
        dict(
            type='HumanRandomCrop',
            crop_size=(.5, .3),
            crop_type='relative',
            allow_negative_crop=True))
    crop._rand_offset = lambda margin: (10, 20)  # top, left
    after = crop(sample)  # rows 10..34, columns 20..70 are left
    boxes, valid = after['gt_face_boxes'], after[f'gt_{field.labelled_column}']
    assert boxes.tolist() == [[0, 10, 10, 20], [40, 0, 50, 10]]
    assert valid.all()
    crop._rand_offset = lambda margin: (25, 20)
    sample = load_tiny(1)
    sample['gt_face_boxes'][:] = [10, 20, 30, 24], [60, 5, 80,
                                                    20], [0, 0, 5, 5]
    sample['gt_face_valid'][:] = True
    after = crop(sample)
    assert not after['gt_face_valid'].any()
    assert not after['gt_face_boxes'].any()


def test_persons_without_a_mask_keep_their_clipped_box(load_tiny):
    """``recompute_bbox`` makes boxes of masks, of those that there are."""
    crop = TRANSFORMS.build(
        dict(
            type='HumanRandomCrop',
            crop_size=(100, 40),
            crop_type='absolute',
            recompute_bbox=True))
    crop._rand_offset = lambda margin: (0, 0)
    sample = load_tiny(1)
    sample['gt_bboxes'].tensor[0] += 5
    join_persons(sample)
    after = crop(sample)
    boxes = after['gt_bboxes'].tensor.tolist()
    assert after['gt_mask_valid'].tolist() == [True, False, True]
    assert boxes[0] == [10, 20, 50, 40]  # of the mask
    assert boxes[1] == [60, 5, 90, 40]  # unlike 0, 0, 0, 0


def test_a_transform_of_ones_own(marked_photo):

    class Mirror(PersonTransform, TRANSFORMS.get('RandomFlip')):
        pass

    class Replace(PersonTransform, TRANSFORMS.get('RandomFlip')):

        def _flip(self, results):
            results['gt_bboxes'] = HorizontalBoxes(torch.zeros(1, 4))

    sample = PersonPipeline([Mirror(prob=1.), PACK])(
        copy.deepcopy(marked_photo))
    assert len(sample['data_samples'].gt_instances) == 13
    with pytest.raises(InputError, match='step Replace replaces'):
        Replace(prob=1.)(marked_photo)


def test_boxes_remember_rows_and_motion():
    boxes = TrackedBoxes.of(HorizontalBoxes(torch.rand(5, 4)))
    boxes.translate_([3, 4])
    before = boxes.clone()
    kept = boxes[np.array([True, False, True, True, False])][[2, 0]]
    kept.flip_((10, 20))
    kept.rescale_((2., .5))
    assert kept.rows.tolist() == [3, 0] and before.rows.tolist() == [*range(5)]
    # x -> 2 (20 - (x + 3)), y -> (y + 4) / 2
    np.testing.assert_allclose(kept.matrix,
                               [[-2, 0, 34], [0, .5, 2], [0, 0, 1]])
    np.testing.assert_allclose(before.matrix,
                               [[1, 0, 3], [0, 1, 4], [0, 0, 1]])


def test_boxes_may_be_plain_arrays(tiny, make_dataset):
    """``LoadAnnotations(box_type=None)`` of mmdet."""
    dataset = make_dataset(
        tiny,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadHumanAnnotations', box_type=None),
            dict(type='HumanRandomFlip', prob=1.), PACK
        ])
    persons = dataset[0]['data_samples'].gt_instances
    assert persons.bboxes.tensor[0].tolist() == [50, 20, 90, 70]
    assert persons.keypoints[0, 0].tolist() == [80, 30]
