"""How what has a place in the image moves."""
import numpy as np
import pytest

from mmhqnet.structures.field_kinds import BoxField, Motion, PointsField
from mmhqnet.structures.person_fields import FIELDS

FEET = PointsField('feet', num_points=2, flip_indices=(1, 0))


def motion(matrix, size=(100, 80), cuts=False, growth=1.):
    return Motion(np.array(matrix, float), size, cuts, np.array([growth]))


def test_points_change_places_only_in_a_mirror():
    columns = dict(
        feet=np.array([[[10., 20], [30, 40]]], np.float32),
        feet_visible=np.array([[2., 1]], np.float32))
    mirror = motion([[-1, 0, 100], [0, 1, 0], [0, 0, 1]])
    moved = FEET.move(columns, mirror)
    assert moved['feet'].tolist() == [[[70, 40], [90, 20]]]
    assert moved['feet_visible'].tolist() == [[1, 2]]
    turn = motion([[-1, 0, 100], [0, -1, 80], [0, 0, 1]])
    moved = FEET.move(columns, turn)
    assert moved['feet'].tolist() == [[[90, 60], [70, 40]]]
    assert columns['feet'].tolist() == [[[10, 20], [30, 40]]]


@pytest.mark.parametrize('cuts, visible, point', [(True, 0, [0, 0]),
                                                  (False, 2, [100, 25])])
def test_points_beyond_the_border(cuts, visible, point):
    columns = dict(
        feet=np.array([[[10., 20], [98, 20]]], np.float32),
        feet_visible=np.array([[2., 2]], np.float32))
    shift = motion([[1, 0, 5], [0, 1, 5], [0, 0, 1]], cuts=cuts)
    moved = FEET.move(columns, shift)
    assert moved['feet'].tolist() == [[[15, 25], point]]
    assert moved['feet_visible'].tolist() == [[2, visible]]


def test_areas_follow_scale_or_box():
    field, columns = FIELDS['area'], dict(areas=np.array([50.], np.float32))
    scale = [[2, 0, 0], [0, .5, 0], [0, 0, 1]]
    assert field.move(columns, motion(scale))['areas'] == 50
    scale[0][0] = -4
    assert field.move(columns, motion(scale))['areas'] == 100
    cut = motion(np.eye(3), cuts=True, growth=.25)
    assert field.move(columns, cut)['areas'] == 12.5
    cut = motion(np.eye(3), cuts=True, growth=.001)
    assert field.move(columns, cut)['areas'] == 1


def test_boxes_are_clipped_and_lose_their_validity():
    field = BoxField('bag')
    columns = dict(
        bag=np.array([[10., 20, 30, 40], [90, 0, 99, 9]], np.float32),
        bag_valid=np.array([True, True]))
    shift = motion([[1, 0, 10], [0, 1, 45], [0, 0, 1]])
    moved = field.move(columns, shift)
    assert moved['bag'].tolist() == [[20, 65, 40, 80], [0, 0, 0, 0]]
    assert moved['bag_valid'].tolist() == [True, False]
    quarter = motion([[0, -1, 80], [1, 0, 0], [0, 0, 1]], size=(80, 100))
    moved = field.move(columns, quarter)
    assert moved['bag'].tolist() == [[40, 10, 60, 30], [71, 90, 80, 99]]
