import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.registry import VISUALIZERS as ROOT_VISUALIZERS
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer

from mmhqnet.structures.person_fields import fields_to_dicts, resolve_fields
from mmhqnet.visualization import HumanLocalVisualizer
from mmhqnet.visualization.caption import caption
from mmhqnet.visualization.human_visualizer import (CENTER_COLOR, LEFT_COLOR,
                                                    RIGHT_COLOR)

GREY = np.full((120, 160, 3), 128, np.uint8)


@pytest.fixture
def draw(dataset_meta):
    """Draws a sample on grey and returns the picture."""

    def picture(sample, image=GREY, meta=dataset_meta, options=(), **kwargs):
        visualizer = HumanLocalVisualizer(**dict(options))
        visualizer.dataset_meta = meta
        visualizer.add_datasample('test', image, sample, **kwargs)
        return visualizer.get_image()

    return picture


def predicted(instances):
    return DetDataSample(pred_instances=instances)


def has_color(picture, color):
    difference = np.abs(picture / 255 - np.array(color)).max(axis=-1)
    return (difference < 0.02).any()


def test_registered_in_mmdets_registry_too():
    for scope in ('mmdet', 'mmhqnet'):
        init_default_scope(scope)
        visualizer = ROOT_VISUALIZERS.build(
            dict(type='HumanLocalVisualizer', name=f'registered in {scope}'))
        assert isinstance(visualizer, HumanLocalVisualizer)


def test_nobody_leaves_the_image_as_it_is(draw, make_person):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3))
    noise = noise.astype(np.uint8)
    for sample in (predicted(make_person()[:0]), DetDataSample(), None):
        assert (draw(sample, noise) == noise).all()


def test_persons_below_the_threshold_are_not_drawn(draw, make_person):
    sample = predicted(make_person(scores=torch.tensor([0.5])))
    assert (draw(sample, pred_score_thr=0.6) == GREY).all()
    assert (draw(sample, pred_score_thr=0.4) != GREY).any()


@pytest.mark.parametrize('field',
                         ['masks', 'keypoints', 'genders', 'ages', 'scores'])
def test_each_task_shows(draw, make_person, field):

    def draw_truth(**changes):
        sample = DetDataSample(gt_instances=make_person(**changes))
        return draw(sample)

    assert (draw_truth(**{field: None}) != draw_truth()).any()


@pytest.mark.parametrize('field, values', [
    ('face_boxes', [[60., 30, 80, 50]]),
    ('feet', [[[60., 95], [100, 95]]]),
    ('helmet', [1]),
])
def test_further_fields_show(draw, make_person, dataset_meta, field, values):
    """As the data set's table of person fields says."""
    added = dict(
        feet=dict(type='points', num_points=2),
        helmet=dict(type='category', classes=('none', 'helmet')))
    meta = dict(
        dataset_meta, person_fields=fields_to_dicts(resolve_fields(added)))
    instances = make_person(**{field: torch.tensor(values)})
    drawn = draw(DetDataSample(gt_instances=instances), meta=meta)
    plain = draw(DetDataSample(gt_instances=make_person()), meta=meta)
    assert (drawn != plain).any()


def test_drawing_stays_near_the_person(draw, make_person):
    changed = (draw(predicted(make_person())) != GREY).any(axis=-1)
    ys, xs = np.nonzero(changed)
    assert xs.min() >= 43 and ys.max() <= 107
    assert ys.min() < 25  # the label above the box


def test_mask_is_filled_and_its_hole_is_not(draw, make_person):
    mask = make_person().masks
    mask[:, 50:80, 65:95] = False
    picture = draw(
        predicted(
            make_person(masks=mask, keypoints=None, keypoint_scores=None)))
    assert (picture[40:45, 60:100] != 128).any(axis=-1).all()
    assert (picture[55:75, 70:90] == 128).all()


def test_limbs_are_colored_by_side(draw, make_person):
    plain = dict(masks=None, genders=None, ages=None, scores=None)
    drawn = draw(
        DetDataSample(gt_instances=make_person(**plain)),
        options=dict(person_colors=['black']))
    for color in (LEFT_COLOR, RIGHT_COLOR, CENTER_COLOR):
        assert has_color(drawn, color)


def test_without_skeleton_only_points(draw, make_person):
    sample = predicted(make_person(masks=None))
    points = draw(sample, meta={})
    assert has_color(points, CENTER_COLOR)
    assert not has_color(points, LEFT_COLOR)
    limbs = draw(sample)
    assert (limbs != GREY).sum() > (points != GREY).sum()


def test_skeleton_of_another_keypoint_set_is_not_used(draw, make_person):
    five = make_person(
        keypoints=make_person().keypoints[:, :5],
        keypoint_scores=torch.ones(1, 5))
    assert (draw(predicted(five)) == draw(predicted(five), meta={})).all()


def test_hidden_limbs_are_dashed(draw, make_person):

    def inked(flag):
        instances = make_person(
            masks=None,
            keypoint_scores=None,
            keypoints_visible=torch.full((1, 17), float(flag)))
        return (draw(DetDataSample(gt_instances=instances)) != GREY).sum()

    assert inked(0) < inked(1) < inked(2)


def test_predictions_are_hidden_as_the_truth_is(draw, make_person):
    flags = torch.arange(17).remainder(2)[None] + 1.
    plain = dict(masks=None, scores=None)
    truth = make_person(keypoint_scores=None, keypoints_visible=flags, **plain)
    guess = make_person(keypoints_visible=flags * 0.6 - 0.5, **plain)
    truth = draw(DetDataSample(gt_instances=truth))
    assert (draw(DetDataSample(gt_instances=guess)) == truth).all()
    everything = draw(DetDataSample(gt_instances=make_person(**plain)))
    assert (everything != truth).any()


def test_track_keeps_its_color_whatever_its_place(draw, make_person):
    other = make_person(bboxes=torch.tensor([[2., 2., 12., 12.]]))
    boxes = dict(
        masks=None,
        keypoints=None,
        keypoint_scores=None,
        genders=None,
        ages=None)

    def box_color(*ids_and_persons):
        instances = InstanceData.cat([
            InstanceData(
                bboxes=person.bboxes,
                labels=person.labels,
                instances_id=torch.tensor([track]))
            for track, person in ids_and_persons
        ])
        return draw(DetDataSample(gt_instances=instances))[105, 80].tolist()

    person = make_person(**boxes)
    alone = box_color((5, person))
    assert box_color((3, other), (5, person)) == alone
    assert box_color((5, other), (3, person)) != alone


def test_trails_fade_towards_the_past(draw, make_person):
    nothing_else = dict(
        masks=None,
        keypoints=None,
        keypoint_scores=None,
        genders=None,
        ages=None,
        bboxes=torch.tensor([[90., 70., 130., 110.]]))
    bare = draw(predicted(make_person(**nothing_else)))
    person = make_person(**nothing_else)
    person.trails = [np.stack([np.arange(10, 111, 10), np.full(11, 60)], 1)]
    difference = np.abs(draw(predicted(person)).astype(int) -
                        bare).max(-1).max(0)
    assert not difference[:8].any() and not difference[113:].any()
    assert 0 < difference[15] < difference[45] < difference[75]


def test_ground_truth_beside_prediction(draw, make_person):
    sample = DetDataSample(
        gt_instances=make_person(scores=None),
        pred_instances=make_person(bboxes=torch.tensor([[2., 2., 60., 60.]])))
    both = draw(sample)
    assert both.shape[1:] == (320, 3)
    titles, halves = both[:-120], both[-120:]
    truth = draw(sample, draw_pred=False)
    assert (halves[:, :160] == truth).all()
    assert (halves[:, 160:] == draw(sample, draw_gt=False)).all()
    assert (titles[:, :160] == caption(160, 'ground truth')).all()
    assert (titles[:, 160:] == caption(160, 'prediction')).all()


def test_no_empty_half_without_ground_truth(draw, make_person):
    sample = predicted(make_person())
    assert draw(sample).shape == GREY.shape
    sample.gt_instances = InstanceData()  # as PackDetInputs leaves it
    assert draw(sample).shape == GREY.shape


def test_small_images_are_enlarged(draw, make_person):
    sample = predicted(make_person())
    large = draw(sample, options=dict(min_side=360))
    assert large.shape == (360, 480, 3)
    assert draw(sample, options=dict(min_side=60)).shape == GREY.shape
    # The same things at the same places.
    outline = cv2.resize(large, (160, 120), interpolation=cv2.INTER_AREA)
    moved = np.abs(outline.astype(int) - GREY)[108:].max()
    assert moved <= 2
    assert np.abs(outline.astype(int) - GREY)[104:107, 60:100].max() > 20


def test_written_picture_is_what_get_image_returns(draw, make_person,
                                                   tmp_path):
    path = tmp_path / 'picture.png'
    picture = draw(predicted(make_person()), out_file=str(path))
    assert (cv2.imread(str(path))[..., ::-1] == picture).all()


def test_drawing_leaves_random_numbers_and_sample_alone(draw, make_person):
    instances = make_person()
    before = instances.clone()
    np.random.seed(3)
    expected = np.random.RandomState(3).rand()
    draw(predicted(instances))
    assert np.random.rand() == expected
    for field in before.keys():
        assert torch.equal(before[field], instances[field])


def test_boxes_beyond_the_border_and_odd_shapes(draw, make_person):
    boxes = torch.tensor([[-20., -10., 400., 300.]])
    assert draw(predicted(make_person(bboxes=boxes))).shape == GREY.shape
    degenerate = torch.tensor([[50., 50., 50., 50.]])
    empty = torch.zeros(1, 120, 160, dtype=torch.bool)
    person = make_person(bboxes=degenerate, masks=empty)
    assert draw(predicted(person)).shape == GREY.shape


def test_config_options_reach_the_parent():
    visualizer = HumanLocalVisualizer(name='x', line_width=5, alpha=0.1)
    assert isinstance(visualizer, Visualizer)
    assert (visualizer.line_width, visualizer.alpha) == (5, 0.1)
