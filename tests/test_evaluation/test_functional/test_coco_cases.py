"""Box, mask and pose AP of small cases, by hand.

AP is the mean precision at the recalls 0, .01, ..., 1: 101 of them, of which
51 are at most 1/2.
"""
import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmhqnet.evaluation import GroundTruth, HumanEvaluator, HumanPredictions

HEIGHT, WIDTH = 120, 900
# x and size of squares: two large ones, elsewhere, and 20^2 < 32^2 pixels
LEFT, RIGHT, ELSEWHERE, SMALL = (0, 100), (200, 100), (500, 100), (400, 20)
TASKS = ('box', 'mask', 'pose')
EACH_TASK = pytest.mark.parametrize('task', TASKS)


def polygon(x, size):
    return [[x, 0, x + size, 0, x + size, size, x, size]]


def keypoints(x, size):
    """(17, 2): the right one of a pair is a half of the person away."""
    points = np.array([(.1 + .8 * (k % 2), k / 16) for k in range(17)])
    return points * size + (x, 0)


def person(square, **fields):
    x, size = square
    points = np.c_[keypoints(x, size), np.full(17, 2)]
    return dict(
        dict(
            bbox=[x, 0, size, size],
            area=size**2,
            segmentation=polygon(x, size),
            keypoints=points.ravel().tolist()), **fields)


def evaluate(task, gts, squares, poses=None):
    """Evaluate detections of falling scores against persons of an image.

    Args:
        task (str): 'box', 'mask' or 'pose'.
        gts (list[dict]): Persons.
        squares (list[tuple]): Detections: x and size.
        poses (ndarray, optional): Their poses, if these lie otherwise.

    Returns:
        Callable: Gives the value of a name such as 'AP_L'.
    """
    annotations = [
        dict(gt, id=i, image_id=1, category_id=1)
        for i, gt in enumerate(gts, 1)
    ]
    ground_truth = GroundTruth(
        dict(
            images=[dict(id=1, height=HEIGHT, width=WIDTH)],
            annotations=annotations,
            categories=[dict(id=1, name='person')]))
    record = dict(
        img_id=1,
        bboxes=np.array([(x, 0, x + size, size) for x, size in squares]),
        scores=np.linspace(.9, .1, len(squares)),
        labels=np.zeros(len(squares), int),
        masks=[
            mask_utils.frPyObjects(polygon(*square), HEIGHT, WIDTH)[0]
            for square in squares
        ],
        keypoints=np.array([keypoints(*square) for square in squares])
        if poses is None else poses)
    values = HumanEvaluator(metrics=task).evaluate(
        ground_truth, HumanPredictions([record], [1]))
    return lambda name: values[f'{task}_{name}']


COUPLE = [person(LEFT), person(RIGHT)]


@EACH_TASK
def test_perfect(task):
    value = evaluate(task, COUPLE, [LEFT, RIGHT])
    for name in ('AP', 'AP_50', 'AP_75', 'AP_L', 'AR', 'AR_L'):
        assert value(name) == pytest.approx(1)
    assert value('AP_M') == value('AR_M') == -1  # no such persons


@EACH_TASK
def test_empty(task):
    value = evaluate(task, COUPLE, [])
    assert value('AP') == value('AP_L') == value('AR') == 0


@EACH_TASK
def test_one_wrong(task):
    value = evaluate(task, COUPLE, [LEFT, ELSEWHERE])
    # Right, wrong: precision 1 up to recall 1/2.
    assert value('AP') == pytest.approx(51 / 101)
    assert value('AR') == pytest.approx(1 / 2)
    # Wrong, right: precision 1/2 up to recall 1/2.
    value = evaluate(task, COUPLE, [ELSEWHERE, LEFT])
    assert value('AP') == pytest.approx(51 / 101 / 2)


@EACH_TASK
def test_swapped_pair(task):
    """Persons have no identity here: who is found first does not matter."""
    assert evaluate(task, COUPLE, [RIGHT, LEFT])('AP') == pytest.approx(1)


def test_swapped_sides_of_a_pose():
    # Each keypoint is .8 * 100 pixels off. Of hips, the most tolerant ones
    # (sigma .107), exp(-80^2 / (2 * 100^2 * (2 * .107)^2)) = 1e-3 is left.
    pose = keypoints(*LEFT)
    mirrored = np.c_[100 - pose[:, 0], pose[:, 1]]
    value = evaluate('pose', COUPLE[:1], [LEFT], mirrored[None])
    assert value('AP') == 0


@EACH_TASK
def test_duplicates(task):
    # Right, wrong, right: precision 1 up to recall 1/2, then 2/3.
    value = evaluate(task, COUPLE, [LEFT, LEFT, RIGHT])
    assert value('AP') == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert value('AR') == pytest.approx(1)


@EACH_TASK
def test_crowd(task):
    crowd = person(RIGHT, iscrowd=1, keypoints=[0] * 51)
    # Any number of detections in a crowd counts neither way.
    inside = [(200, 50), (240, 40)]
    value = evaluate(task, [COUPLE[0], crowd], [*inside, LEFT])
    assert value('AP') == pytest.approx(1)
    # Away from the crowd it is a false positive: wrong, right.
    value = evaluate(task, [COUPLE[0], crowd], [(460, 50), LEFT])
    assert value('AP') == pytest.approx(1 / 2)


@pytest.mark.parametrize('task', ['box', 'mask'])
def test_small_person(task):
    gts = [COUPLE[0], person(SMALL)]
    value = evaluate(task, gts, [LEFT])
    assert value('AP') == pytest.approx(51 / 101)
    assert value('AP_no_small') == value('AP_L') == pytest.approx(1)
    assert value('AR_no_small') == pytest.approx(1)
    assert value('AP_S') == 0 and value('AP_M') == -1
    # Found, it is no false positive, nor is a small detection of nobody ...
    value = evaluate(task, gts, [SMALL, (600, 20), LEFT])
    assert value('AP_no_small') == pytest.approx(1)
    # ... in contrast to a large one: wrong, right.
    value = evaluate(task, gts, [SMALL, ELSEWHERE, LEFT])
    assert value('AP_no_small') == pytest.approx(1 / 2)
    # With small persons: right, wrong, right.
    assert value('AP') == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_small_person_has_no_pose():
    """As in COCO: without keypoints it is ignored, not a negative."""
    gts = [COUPLE[0], person(SMALL, keypoints=[0] * 51)]
    value = evaluate('pose', gts, [SMALL, LEFT])
    assert value('AP') == pytest.approx(1)
    assert value('AR') == pytest.approx(1)


@pytest.mark.parametrize('task, unlabelled', [
    ('mask', dict(segmentation=[])),
    ('mask', dict(valid=dict(segmentation=0))),
    ('pose', dict(keypoints=[0] * 51)),
    ('pose', dict(valid=dict(keypoints_2d=0))),
])
def test_unlabelled_person(task, unlabelled):
    gts = [COUPLE[0], person(RIGHT, **unlabelled)]
    # Whether found or not, it makes no difference.
    for squares in ([LEFT], [RIGHT, LEFT]):
        assert evaluate(task, gts, squares)('AP') == pytest.approx(1)
    assert evaluate('box', gts, [LEFT])('AP') == pytest.approx(51 / 101)


@EACH_TASK
def test_person_without_a_box_is_not_there(task):
    gts = [COUPLE[0], person(RIGHT, valid=dict(bboxes=0))]
    assert evaluate(task, gts, [LEFT])('AP') == pytest.approx(1)
    assert evaluate(task, gts, [RIGHT, LEFT])('AP') == pytest.approx(1 / 2)


@pytest.mark.parametrize('task', ['box', 'mask'])
def test_mean_over_iou_thresholds(task):
    # IoU 62 * 100 / 100^2 is enough for .50, .55 and .60, three of ten.
    narrow = person(
        LEFT,
        bbox=[0, 0, 62, 100],
        segmentation=[[0, 0, 62, 0, 62, 100, 0, 100]],
        area=6200)
    value = evaluate(task, [narrow], [LEFT])
    assert value('AP') == pytest.approx(3 / 10)
    assert value('AP_50') == pytest.approx(1) and value('AP_75') == 0
