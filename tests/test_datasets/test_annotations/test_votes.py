"""Labels from votes, on votes that can be judged by hand."""
import math

import numpy as np
import pytest

from mmhqnet.datasets.annotations.votes import (age_consistency,
                                                age_group_mode, age_inliers,
                                                apparent_age, label_person,
                                                majority)


def test_majority():
    assert majority([1, 0, 1]) == 1
    assert majority([0]) == 0
    assert majority([0, 1]) is None
    assert majority([0, 1, 1, 0]) is None


GROUPS = [
    ([2, 2, 1], 2),
    ([4], 4),
    ([1, 1, 3, 3, 4], 3),  # 1 and 3 twice; the median is 3
    ([1, 1, 3, 3, 0], 1),  # the median is 1
    ([1, 3], 1),  # both as near to 2: the younger
    ([5, 1, 3], 3),  # all once; the median is 3
]


@pytest.mark.parametrize('votes, group', GROUPS)
def test_age_group_mode(votes, group):
    assert age_group_mode(votes) == group
    assert age_group_mode(votes[::-1]) == group


def test_outliers_leave_the_mean():
    # Quartiles 30 and 32, so 27 to 35 stay.
    votes = [30, 30, 31, 32, 32, 70]
    assert age_inliers(votes).tolist() == [True] * 5 + [False]
    assert apparent_age(votes) == pytest.approx(31)


def test_fences_are_inclusive():
    # Quartiles 10 and 20, fences -5 and 35.
    assert age_inliers([10, 10, 20, 20, 15, 35, 15, 15, 10]).all()
    assert not age_inliers([10, 10, 20, 20, 15, 35.1, 15, 15, 10]).all()


def test_few_votes_are_all_kept():
    assert apparent_age([10, 12, 80]) == pytest.approx(34)
    assert apparent_age([7]) == 7


def test_the_mean_ignores_the_order_of_votes():
    rng = np.random.default_rng(0)
    for _ in range(20):
        votes = rng.integers(0, 90, rng.integers(1, 12))
        mean = apparent_age(votes)
        assert apparent_age(rng.permutation(votes)) == pytest.approx(mean)
        assert apparent_age(votes + 5) == pytest.approx(mean + 5)
        assert 2 * age_inliers(votes).sum() >= len(votes)


def test_consistency_is_of_votes_with_the_mean_of_their_person():
    # Labels 30.5 (without the outlier 99) and 10; 99 counts as a vote.
    votes = [[31, 30, 30, 31, 99], [4, 16]]
    assert age_consistency(votes, 0.4) == 0
    assert age_consistency(votes, 0.5) == pytest.approx(4 / 7)
    assert age_consistency(votes, 6) == pytest.approx(6 / 7)
    assert age_consistency(votes, 68.5) == 1
    assert age_consistency(votes[::-1], 6) == age_consistency(votes, 6)


def test_consistency_without_votes():
    assert math.isnan(age_consistency([], 5))
    assert math.isnan(age_consistency([[], []], 5))
    assert age_consistency([[], [7]], 5) == 1


def test_label_person():
    votes = dict(
        gender=dict(a=1, b=1, c=0),
        age_group=dict(a=2, b=2),
        age=dict(a=30, b=31, c=30, d=31, e=99))
    label = label_person(votes)
    # Quartiles 30 and 31, so 99 goes; 30.5 is rounded upwards.
    assert label == dict(
        gender=1,
        age_group=2,
        age=31,
        age_mean=30.5,
        age_votes=5,
        age_outliers=1)


def test_nothing_voted_nothing_labelled():
    label = label_person(dict(gender=dict(a=0, b=1)))
    assert label['gender'] is label['age_group'] is label['age'] is None
    assert label['age_votes'] == label['age_outliers'] == 0


def test_oldest_label():
    assert label_person(dict(age=dict(a=97)))['age'] == 85
    assert label_person(dict(age=dict(a=97)), max_age=100)['age'] == 97
