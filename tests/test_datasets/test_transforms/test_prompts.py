import numpy as np
import pytest
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.registry import init_default_scope

from mmhqnet.registry import TRANSFORMS
from mmhqnet.structures import Point, Scribble, Text


@pytest.fixture(autouse=True)
def mmdet_scope():
    init_default_scope('mmdet')


def sample(prompt, height=60, width=100):
    """A person that fills x 20..40, y 10..50."""
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, 10:50, 20:40] = 1
    return dict(
        img=np.zeros((height, width, 3), np.uint8),
        img_shape=(height, width),
        gt_bboxes=HorizontalBoxes(np.float32([[20, 10, 40, 50]])),
        gt_bboxes_labels=np.zeros(1, np.int64),
        gt_ignore_flags=np.zeros(1, bool),
        gt_masks=BitmapMasks(mask, height, width),
        gt_mask_valid=np.ones(1, bool),
        gt_areas=np.float32([800]),
        gt_keypoints=np.float32([[[25, 20], [35, 20]]]),
        gt_keypoints_visible=np.float32([[2, 2]]),
        flip_indices=[1, 0],
        num_keypoints=2,
        prompt=prompt)


def build(kind, **options):
    return TRANSFORMS.build(dict(type=kind, **options))


def test_a_mirrored_picture_has_mirrored_prompts():
    flip = build('RefRandomFlip', prob=1.0)
    result = flip(sample(Scribble([[25, 20], [30, 40]])))
    assert result['prompt'] == Scribble([[75, 20], [70, 40]])
    np.testing.assert_allclose(result['gt_keypoints'], [[[65, 20], [75, 20]]])
    assert flip(sample(Text('on the left')))['prompt'] == Text('on the right')
    untouched = build('RefRandomFlip', prob=0.0)(sample(Text('left')))
    assert untouched['prompt'] == Text('left')


def test_prompts_grow_with_the_picture():
    resize = build('RefResize', scale=(200, 120), keep_ratio=True)
    assert resize(sample(Point(25, 20)))['prompt'] == Point(50, 40)


def test_several_steps_in_a_row_keep_points_on_the_person():
    steps = [
        build('RefRandomFlip', prob=1.0),
        build(
            'RandomChoiceResize',
            resize_type='RefResize',
            scales=[(150, 90)],
            keep_ratio=True),
        build('RefRandomFlip', prob=1.0)
    ]
    result = sample(Point(25, 20))
    for step in steps:
        result = step(result)
    assert result['prompt'] == Point(37.5, 30)
    np.testing.assert_allclose(result['gt_keypoints'][0, 0], [37.5, 30])


def test_points_that_a_crop_cuts_off_are_drawn_again():
    crop = build('RefRandomCrop', crop_size=(40, 40))
    np.random.seed(0)
    seen = set()
    for _ in range(40):
        result = crop(sample(Scribble([[21, 12], [38, 48]])))
        if result is None:
            continue
        mask = result['gt_masks'].to_ndarray()[0]
        x, y = np.floor(result['prompt'].points).astype(int).T
        assert mask[y, x].all()
        seen.add(len(result['prompt'].points))
        point = crop(sample(Point(21, 12)))
        if point is not None:
            x, y = np.floor(point['prompt'].points[0]).astype(int)
            assert point['gt_masks'].to_ndarray()[0, y, x]
    assert seen == {2, 12}


def test_a_crop_without_the_person_is_given_up():
    crop = build('RefRandomCrop', crop_size=(30, 60), allow_negative_crop=True)
    np.random.seed(0)
    for prompt in (Text('left'), Point(25, 20)):
        results = [crop(sample(prompt)) for _ in range(20)]
        assert any(result is None for result in results)
        assert all(result['gt_masks'].to_ndarray().any() for result in results
                   if result is not None)


def test_areas_of_boxes_as_released():
    for area_of_box in (False, True):
        crop = build(
            'RefRandomCrop', crop_size=(75, 30), area_of_box=area_of_box)
        np.random.seed(1)
        result = crop(dict(sample(Text('left')), gt_areas=np.float32([400])))
        box, = result['gt_bboxes'].areas.tolist()
        expected = box if area_of_box else 400 * box / 800
        np.testing.assert_allclose(result['gt_areas'], [expected])


def test_only_offered_kinds_are_drawn():
    choose = build('SamplePrompt', weights=dict(point=100.))
    offer = dict(
        caption='left',
        scribbles=np.arange(120, dtype=np.float32).reshape(5, 12, 2),
        prompt_kinds=('text', ))
    assert choose(dict(offer))['prompt'] == Text('left')
    np.random.seed(0)
    offer['prompt_kinds'] = ('point', )
    columns = {choose(dict(offer))['prompt'].x % 24 for _ in range(60)}
    assert columns == {8., 10., 12., 14.}
