import itertools

import numpy as np
import pytest

from mmhqnet.visualization.label_layout import place_label

CANVAS = np.array([200, 100])
SIZE = np.array([40, 12])
NO_POINTS = np.zeros((0, 2))


def overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return np.prod(np.maximum(sides, 0))


def test_above_the_box_at_the_left_by_default():
    place = place_label(
        np.array([50, 40, 90, 80]), SIZE, CANVAS, [], NO_POINTS)
    assert place.tolist() == [50, 28, 90, 40]


def test_always_inside_the_image():
    rng = np.random.default_rng(0)
    for _ in range(200):
        box = np.sort(rng.uniform(-30, 230, (2, 2)), axis=0).ravel()
        place = place_label(box, SIZE, CANVAS, [],
                            rng.uniform(0, 100, (20, 2)))
        assert (place[:2] >= 0).all() and (place[2:] <= CANVAS).all()
        assert np.allclose(place[2:] - place[:2], SIZE)


def test_label_larger_than_the_image_starts_in_the_corner():
    place = place_label(
        np.array([0, 0, 5, 5]), np.array([300, 12]), CANVAS, [], NO_POINTS)
    assert place[0] == 0


def test_labels_of_two_boxes_at_one_place_do_not_overlap():
    box = np.array([50, 40, 90, 80])
    taken = []
    for _ in range(5):
        place = place_label(box, SIZE, CANVAS, taken, NO_POINTS)
        assert not any(overlap(place, other) for other in taken)
        taken.append(place)


def test_keypoints_stay_in_sight():
    box = np.array([50, 40, 120, 80])
    face = np.array([[60., 35.], [65., 35.]])
    place = place_label(box, SIZE, CANVAS, [], face)
    covered = ((face >= place[:2]) & (face <= place[2:])).all(axis=1)
    assert not covered.any()


def place_all(boxes, size, canvas, points=NO_POINTS):
    taken = []
    for box in boxes:
        taken.append(place_label(box, size, canvas, taken, points))
    return np.array(taken)


def crowd(rng, number, canvas, border):
    """Boxes of persons, wherever they stand or all at the left border."""
    wide, high = canvas
    x = rng.uniform(-20, 10 if border else wide - 20, number)
    y = rng.uniform(-20, high - 20, number)
    return np.stack([x, y, x + rng.uniform(5, 60, number),
                     y + rng.uniform(10, 150, number)], 1)  # yapf: disable


@pytest.mark.parametrize('border', [False, True])
@pytest.mark.parametrize('number', [1, 40, 60])
def test_no_label_hides_another(number, border):
    """Labels of '#12 F 27 0.93' in an image of 640 x 480 pixels."""
    canvas, size = np.array([640, 480]), np.array([104.5, 17.3])
    for seed in range(2):
        rng = np.random.default_rng(seed)
        points = rng.uniform(0, canvas, (17 * number, 2))
        places = place_all(
            crowd(rng, number, canvas, border), size, canvas, points)
        hidden = [overlap(a, b) for a, b in itertools.combinations(places, 2)]
        assert max(hidden, default=0) < 1e-3
        assert (places[:, :2] >= 0).all() and (places[:, 2:] <= canvas).all()


def test_persons_at_one_place():
    canvas, size = np.array([640, 480]), np.array([104.5, 17.3])
    places = place_all([np.array([300, 200, 340, 300])] * 60, size, canvas)
    assert max(overlap(a, b)
               for a, b in itertools.combinations(places, 2)) < 1e-3
    centres = (places[:, :2] + places[:, 2:]) / 2
    assert np.linalg.norm(centres - (320, 200), axis=1).max() < 300


def test_labels_overlap_only_where_nothing_is_free():
    """Exact: 5 x 8 labels fill the image; one more finds no place."""
    boxes = crowd(np.random.default_rng(0), 41, CANVAS, False)
    places = place_all(boxes[:40], SIZE, CANVAS)
    grid = [(x, y) for x in range(0, 161, 4) for y in range(0, 89, 2)]

    def is_free(x, y, taken):
        place = np.array([x, y, x + SIZE[0], y + SIZE[1]])
        return not any(overlap(place, other) > 1e-3 for other in taken)

    for index, place in enumerate(places):
        if not is_free(*place[:2], places[:index]):
            assert not any(is_free(x, y, places[:index]) for x, y in grid)
    last = place_label(boxes[40], SIZE, CANVAS, list(places), NO_POINTS)
    assert (last[:2] >= 0).all() and (last[2:] <= CANVAS).all()


def test_a_label_covers_keypoints_rather_than_a_label():
    box = np.array([50, 40, 90, 80])
    first = place_label(box, SIZE, CANVAS, [], NO_POINTS)
    rng = np.random.default_rng(0)
    points = rng.uniform((0, 0), (200, 100), (2000, 2))
    points = points[~((points >= first[:2]) & (points <= first[2:])).all(1)]
    place = place_label(box, SIZE, CANVAS, [first], points)
    assert overlap(place, first) == 0
