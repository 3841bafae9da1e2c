"""A painted person: left and right, near and far, hidden and seen."""
import numpy as np

from mmhqnet.toy import KEYPOINT_NAMES
from mmhqnet.toy.canvas import Canvas
from mmhqnet.toy.figure import PARTS
from mmhqnet.toy.traits import FEMALE


def test_left_and_right_swap_when_seen_from_behind(figure, label,
                                                   keypoints_of):
    for yaw, sign in ((0.0, 1), (np.pi, -1)):
        canvas = Canvas(120, 120)
        painted = figure(yaw=yaw)
        painted.paint(canvas)
        points = keypoints_of(label(canvas, painted))
        for joint in ('eye', 'ear', 'shoulder', 'hip', 'ankle'):
            left, right = points[f'left_{joint}'], points[f'right_{joint}']
            assert sign * (left[0] - right[0]) > 0
        assert points['nose'][2] == (2 if sign > 0 else 1)
        assert points['left_shoulder'][2] == 2


def test_near_person_hides_the_far_one(figure, label, keypoints_of):
    canvas = Canvas(120, 140)
    far = figure(foot=(65, 112), index=1, seed=1)
    near = figure(foot=(72, 116), index=2, gender=FEMALE, seed=2)
    far.paint(canvas)
    alone = label(canvas, far)
    near.paint(canvas)
    covered, front = label(canvas, far), label(canvas, near)
    assert covered['area'] < 0.8 * alone['area']
    labels = canvas.label_map() // PARTS
    assert front['area'] == (labels == 2).sum()
    before, after = keypoints_of(alone), keypoints_of(covered)
    hidden = [
        name for name in KEYPOINT_NAMES
        if before[name][2] == 2 and after[name][2] == 1
    ]
    assert len(hidden) >= 3
    for name in KEYPOINT_NAMES:  # hiding moves nothing
        assert np.array_equal(before[name][:2], after[name][:2])


def test_things_hide_people_and_are_no_people(figure, label, keypoints_of):
    canvas = Canvas(120, 120)
    painted = figure()
    painted.paint(canvas)
    whole = label(canvas, painted)
    canvas.box(0, 80, 120, 40, (90, 90, 90), label=0)
    legless = label(canvas, painted)
    assert legless['bbox'][1] + legless['bbox'][3] <= 80
    assert legless['area'] < whole['area']
    assert keypoints_of(legless)['left_ankle'][2] == 1
    assert keypoints_of(legless)['left_shoulder'][2] == 2
