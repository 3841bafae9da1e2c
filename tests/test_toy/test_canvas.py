"""What is painted is labelled where it is painted."""
import numpy as np
import pytest

from mmhqnet.toy.canvas import Canvas, ellipse_points, hull, mix, shade


def test_labels_follow_the_paint():
    canvas = Canvas(20, 30)
    canvas.box(4, 6, 10, 8, (200, 0, 0), label=5)
    canvas.box(8, 6, 2, 8, (0, 200, 0))  # a detail
    labels, picture = canvas.label_map(), canvas.picture()
    assert labels.shape == (20, 30) and picture.shape == (20, 30, 3)
    expected = np.zeros((20, 30), bool)
    expected[6:14, 4:14] = True
    assert ((labels == 5) == expected).mean() > 0.95
    assert canvas.label_at(5, 10) == 5 and canvas.label_at(20, 10) == 0
    assert canvas.label_at(-1, 5) is canvas.label_at(5, 20) is None
    assert picture[10, 6].tolist() == [200, 0, 0]
    canvas.box(0, 0, 30, 20, (9, 9, 9), label=0)
    assert not canvas.label_map().any()


def test_colours():
    assert shade((100, 50, 0), 0).tolist() == [0, 0, 0]
    assert shade((100, 50, 0), 1).tolist() == [100, 50, 0]
    assert shade((100, 50, 0), 2).tolist() == [255, 255, 255]
    assert mix((0, 0, 0), (100, 200, 40), 0.25).tolist() == [25, 50, 10]


def test_outlines():
    points = ellipse_points((5, 7), (3, 2), 0.4)
    assert points.mean(axis=0) == pytest.approx([5, 7])
    turned = (points - (5, 7)) @ np.array([[np.cos(.4), -np.sin(.4)],
                                           [np.sin(.4), np.cos(.4)]])
    assert ((turned / (3, 2))**2).sum(axis=1) == pytest.approx(1)
    outline = hull([((0, 0), 1), ((10, 0), 2)])
    assert np.ptp(outline, axis=0) == pytest.approx([13, 4], abs=0.1)
