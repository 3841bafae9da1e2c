"""A head turns, and its features with it."""
import numpy as np
import pytest

from mmhqnet.toy.body import Pose
from mmhqnet.toy.canvas import Canvas
from mmhqnet.toy.head import Head


@pytest.fixture
def head(person):

    def turned(degrees, roll=0.0):
        yaw = np.deg2rad(degrees)
        pose = Pose({}, yaw, yaw, roll, 'left')
        return Head(person(), pose, np.array([50., 50.]), 200)

    return turned


def test_features_turn_with_the_head(head):
    front, right, back = (head(a).keypoints() for a in (0, 60, 180))
    assert front['left_eye'][0][0] > 50 > front['right_eye'][0][0]
    assert right['nose'][0][0] > front['nose'][0][0] + 2
    assert front['nose'][1] and right['nose'][1] and not back['nose'][1]
    assert back['left_eye'][0][0] < 50


def test_face_box_holds_the_eyes(head):
    for degrees in (-40, 0, 40):
        for roll in (-0.2, 0, 0.2):
            turned = head(degrees, roll)
            x1, y1, x2, y2 = turned.face_box()
            for name in ('left_eye', 'right_eye', 'nose'):
                (x, y), seen = turned.keypoints()[name]
                assert not seen or (x1 - 2 <= x <= x2 + 2 and y1 <= y <= y2)


def test_what_is_painted_lies_around_the_centre(head):
    canvas = Canvas(100, 100)
    labels = ('head', 'hair', 'left_ear', 'right_ear')
    head(0).paint(canvas, dict.fromkeys(labels, 3), 1.0)
    rows, columns = np.nonzero(canvas.label_map() == 3)
    assert len(rows) > 100
    assert abs(rows.mean() - 50) < 6 and abs(columns.mean() - 50) < 3
