import numpy as np

from mmhqnet.visualization import Trails


def boxes(*feet):
    return np.array([[x - 5, y - 20, x + 5, y] for x, y in feet], float)


def test_the_last_points_of_each_track_oldest_first():
    trails = Trails(length=3)
    for step in range(5):
        first, second = trails([7, 2], boxes((step, 50), (40, step)))
    assert first.tolist() == [[2, 50], [3, 50], [4, 50]]
    assert second.tolist() == [[40, 2], [40, 3], [40, 4]]


def test_a_track_that_comes_back():
    trails = Trails(length=4)
    trails([1], boxes((0, 9)))
    trails([], boxes())
    soon, = trails([1], boxes((2, 9)))
    assert soon.tolist() == [[0, 9], [2, 9]]  # a straight line between
    for _ in range(4):
        assert trails([], boxes()) == []
    late, = trails([1], boxes((7, 9)))
    assert late.tolist() == [[7, 9]]
