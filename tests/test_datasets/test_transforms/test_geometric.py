import numpy as np
import pytest

from mmhqnet.datasets.transforms.persons import person_keys

FLIP = dict(type='HumanRandomFlip', prob=1.)
CROP = dict(
    type='HumanRandomCrop',
    crop_type='absolute_range',
    crop_size=(100, 200),
    allow_negative_crop=True)
RESIZE = dict(type='HumanResize', scale=(400, 300), keep_ratio=True)


def assert_aligned(sample):
    """Every field has one row per person; unlabelled keypoints are 0."""
    num_persons = len(sample['gt_bboxes'])
    keys = person_keys(sample)
    assert {'gt_bboxes_labels', 'gt_ignore_flags', 'gt_keypoints'} <= {*keys}
    for key in keys:
        assert len(sample[key]) == num_persons, key
    height, width = sample['img'].shape[:2]
    assert sample['img_shape'] == (height, width)
    assert sample['gt_masks'].masks.shape == (num_persons, height, width)
    keypoints, visible = (sample['gt_keypoints'],
                          sample['gt_keypoints_visible'])
    assert keypoints.shape == (num_persons, 17, 2)
    assert keypoints.dtype == visible.dtype == np.float32
    assert sample['gt_areas'].dtype == np.float32
    assert not keypoints[visible == 0].any()
    assert (keypoints >= 0).all() and (keypoints <= (width, height)).all()


def assert_equal(one, other, but=(), atol=0.):
    assert one.keys() == other.keys()
    for key in one.keys() - {*but}:
        if key == 'gt_bboxes':
            np.testing.assert_allclose(
                one[key].tensor, other[key].tensor, atol=atol)
        elif key == 'person_boxes':
            np.testing.assert_allclose(one[key], other[key], atol=atol)
        elif key == 'person_fields':
            assert one[key] == other[key]
        elif key == 'gt_masks':
            np.testing.assert_equal(one[key].masks, other[key].masks)
        elif key == 'gt_keypoints':
            np.testing.assert_allclose(one[key], other[key], atol=atol)
        else:
            np.testing.assert_equal(one[key], other[key])


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_two_flips_change_nothing(crowded_photo, apply, direction):
    flip = dict(FLIP, direction=direction)
    once = apply(crowded_photo(), flip)
    assert_aligned(once)
    twice = apply(once, flip)
    np.testing.assert_equal(twice.pop('homography_matrix'), np.eye(3))
    for key in ('flip', 'flip_direction'):
        del twice[key]
    assert_equal(twice, crowded_photo(), atol=1e-4)


def test_a_flip_mirrors_and_swaps_left_and_right(crowded_photo, apply):
    before, after = crowded_photo(), apply(crowded_photo(), FLIP)
    width = before['img'].shape[1]
    swapped = [0] + [k + 1 if k % 2 else k - 1 for k in range(1, 17)]
    visible = before['gt_keypoints_visible'][:, swapped]
    points = before['gt_keypoints'][:, swapped]
    points[..., 0] = width - points[..., 0]
    points[visible == 0] = 0
    np.testing.assert_equal(after['gt_keypoints_visible'], visible)
    np.testing.assert_allclose(after['gt_keypoints'], points, atol=1e-4)
    boxes = before['gt_bboxes'].tensor.numpy()
    np.testing.assert_allclose(
        after['gt_bboxes'].tensor,
        np.stack([
            width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]
        ], 1),
        atol=1e-4)
    np.testing.assert_equal(after['img'], before['img'][:, ::-1])
    np.testing.assert_equal(after['gt_masks'].masks,
                            before['gt_masks'].masks[:, :, ::-1])
    for key in ('gt_areas', 'gt_genders', 'gt_ages', 'gt_mask_valid'):
        np.testing.assert_equal(after[key], before[key])


def test_turning_by_180_degrees_keeps_left_left(crowded_photo, apply):
    before = crowded_photo()
    after = apply(crowded_photo(), dict(FLIP, direction='diagonal'))
    np.testing.assert_equal(after['gt_keypoints_visible'],
                            before['gt_keypoints_visible'])


def test_no_flip_changes_nothing(crowded_photo, apply):
    after = apply(crowded_photo(), dict(FLIP, prob=0.))
    assert not after.pop('flip') and after.pop('flip_direction') is None
    assert_equal(after, crowded_photo())


@pytest.mark.parametrize('resize', [
    RESIZE,
    dict(type='HumanResize', scale=(300, 400), keep_ratio=False),
    dict(type='HumanResize', scale_factor=2.),
    dict(
        type='RandomChoiceResize',
        resize_type='HumanResize',
        scales=[(200, 1333)],
        keep_ratio=True),
    dict(
        type='RandomChoice',
        transforms=[[
            dict(
                type='RandomChoiceResize',
                resize_type='HumanResize',
                scales=[(500, 600)],
                keep_ratio=True)
        ]]),
])
def test_resizing_scales_everything(crowded_photo, apply, resize):
    before, after = crowded_photo(), apply(crowded_photo(), resize)
    assert_aligned(after)
    height, width = before['img'].shape[:2]
    new_height, new_width = after['img'].shape[:2]
    scale = np.array([new_width / width, new_height / height])
    assert scale.prod() != 1
    np.testing.assert_allclose(
        after['gt_keypoints'], before['gt_keypoints'] * scale, rtol=1e-5)
    np.testing.assert_allclose(
        after['gt_bboxes'].tensor,
        before['gt_bboxes'].tensor.numpy() * np.tile(scale, 2),
        rtol=1e-5)
    np.testing.assert_allclose(
        after['gt_areas'], before['gt_areas'] * scale.prod(), rtol=1e-5)
    # Masks follow: the large ones keep their share of the image.
    large = before['gt_areas'] > 5000
    np.testing.assert_allclose(
        after['gt_masks'].areas[large],
        before['gt_masks'].areas[large] * scale.prod(),
        rtol=.03)


def test_resizing_clips_to_the_image(load_tiny, apply):
    sample = load_tiny(1)
    sample['gt_keypoints'][0, 0] = (103, 90)
    after = apply(sample, dict(type='HumanResize', scale_factor=2.))
    assert after['gt_keypoints'][0, 0].tolist() == [200, 160]


@pytest.mark.parametrize('seed', range(8))
def test_crops_keep_the_fields_aligned(crowded_photo, apply, seed):
    np.random.seed(seed)
    before = crowded_photo()
    # Make each person recognisable.
    before['gt_ages'] = np.arange(14)
    before['gt_extra_fields'] = np.array([dict(person=i) for i in range(14)])
    after = apply({**before}, RESIZE, CROP)
    assert_aligned(after)
    kept = after['gt_ages']
    assert [extra['person']
            for extra in after['gt_extra_fields']] == kept.tolist()
    for key in ('gt_ignore_flags', 'gt_mask_valid', 'gt_genders'):
        np.testing.assert_equal(after[key], crowded_photo()[key][kept])
    assert 100 <= after['img'].shape[0] <= 200
    assert 100 <= after['img'].shape[1] <= 200


@pytest.mark.parametrize('seed', range(8))
def test_crops_against_plain_arithmetic(crowded_photo, apply, seed):
    np.random.seed(seed)
    before = crowded_photo()
    before['gt_ages'] = np.arange(14)
    after = apply(before, CROP)
    before = crowded_photo()
    left, top = -after['homography_matrix'][:2, 2].astype(int)
    height, width = after['img'].shape[:2]
    np.testing.assert_equal(after['img'], before['img'][top:top + height,
                                                        left:left + width])

    boxes = before['gt_bboxes'].tensor.numpy()
    clipped = boxes - [left, top] * 2
    clipped[:, 0::2] = clipped[:, 0::2].clip(0, width)
    clipped[:, 1::2] = clipped[:, 1::2].clip(0, height)
    sizes = clipped[:, 2:] - clipped[:, :2]
    kept = np.flatnonzero((sizes > 0).all(1))
    np.testing.assert_equal(after['gt_ages'], kept)
    np.testing.assert_allclose(
        after['gt_bboxes'].tensor, clipped[kept], atol=1e-4)
    shrink = (sizes.prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1))[kept]
    np.testing.assert_allclose(
        after['gt_areas'],
        np.maximum(before['gt_areas'][kept] * shrink, 1),
        rtol=1e-4)
    np.testing.assert_equal(
        after['gt_masks'].masks,
        before['gt_masks'].masks[kept, top:top + height, left:left + width])

    points = before['gt_keypoints'][kept] - [left, top]
    visible = before['gt_keypoints_visible'][kept]
    inside = ((points >= 0) & (points <= [width, height])).all(-1)
    visible = visible * inside
    np.testing.assert_equal(after['gt_keypoints_visible'], visible)
    np.testing.assert_allclose(after['gt_keypoints'],
                               points * (visible > 0)[..., None])


def test_a_person_that_loses_all_keypoints_stays(load_tiny, apply):
    sample = load_tiny(1)
    np.random.seed(0)
    crop = dict(
        type='HumanRandomCrop', crop_type='absolute', crop_size=(100, 25))
    while True:
        after = apply(load_tiny(1), crop)
        if after['homography_matrix'][1, 2] == 0:  # the top 25 rows
            break
    assert_aligned(after)
    # The first keypoint lies at y = 30, the box begins at y = 20.
    assert after['gt_bboxes'].tensor[0].tolist() == [10, 20, 50, 25]
    assert not after['gt_keypoints_visible'][0].any()
    np.testing.assert_allclose(after['gt_areas'][0],
                               sample['gt_areas'][0] * 5 / 50)


def test_areas_do_not_fall_below_one(load_tiny, apply):
    sample = load_tiny(1)
    sample['gt_areas'][:] = 1e-3
    after = apply(sample, CROP)
    assert (after['gt_areas'] == 1).all()


def test_an_empty_crop_is_refused_or_kept(load_tiny, apply):
    assert apply(load_tiny(3), dict(CROP, allow_negative_crop=False)) is None
    assert_aligned(apply(load_tiny(3), CROP))


def test_the_matrix_maps_what_all_steps_did(crowded_photo, apply):
    np.random.seed(1)
    after = apply(crowded_photo(), FLIP, RESIZE, CROP, RESIZE)
    before = apply(crowded_photo(), FLIP)
    points = crowded_photo()['gt_keypoints'][:, before['flip_indices']]
    points = np.concatenate([points, np.ones_like(points[..., :1])], -1)
    mapped = points @ after['homography_matrix'].T
    # Persons are matched by their nose, which has no counterpart.
    labelled = after['gt_keypoints_visible'] > 0
    assert labelled.any()
    for person, flags in zip(after['gt_keypoints'], labelled):
        distance = np.abs(mapped[:, flags, :2] - person[flags]).max((1, 2),
                                                                    initial=0)
        assert distance.min() < 1e-2


def test_instance_ids_survive_a_crop(crowded_photo, apply):
    np.random.seed(2)
    sample = crowded_photo()
    sample['gt_instances_ids'] = np.arange(14) + 100
    sample['gt_ages'] = np.arange(14)
    after = apply(sample, CROP)
    np.testing.assert_equal(after['gt_instances_ids'], after['gt_ages'] + 100)
    assert 'gt_instances_ids' not in apply(crowded_photo(), CROP)


@pytest.mark.parametrize('image, num_persons', [(2, 1), (3, 0)])
def test_crowds_and_empty_images_pass_through(load_tiny, apply, image,
                                              num_persons):
    np.random.seed(0)
    after = apply(
        load_tiny(image), FLIP, RESIZE, dict(CROP, crop_size=(299, 400)),
        RESIZE, dict(type='PhotoMetricDistortion'))
    assert_aligned(after)
    assert len(after['gt_bboxes']) == num_persons


def test_images_without_annotations(crowded_photo, apply):
    plain = {
        key: value
        for key, value in crowded_photo().items() if not key.startswith('gt_')
    }
    after = apply(plain, FLIP, RESIZE, CROP)
    assert not any(key.startswith('gt_') for key in after)
