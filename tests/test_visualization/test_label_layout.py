import numpy as np

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
