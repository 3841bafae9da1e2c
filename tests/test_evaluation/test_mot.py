"""Tracking counts on sequences that can be counted by hand."""
import math

import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation.mot import MOTCounts, count_sequence, in_ignore_regions

# Two persons far apart, and a box that overlaps neither.
ANNA, BEN, NOWHERE = [0, 0, 10, 20], [100, 0, 10, 20], [500, 500, 10, 20]
# Beside ANNA by d pixels of 10: IoU (10 - d) / (10 + d).
NEAR_ANNA = [2, 0, 10, 20]  # 8 / 12 = 0.667
HALF_ANNA = [4, 0, 10, 20]  # 6 / 14 = 0.429, no match


def frame(**boxes):
    """A frame from id=box pairs, ids written as i0, i1, ..."""
    ids = np.array([int(name[1:]) for name in boxes], int)
    return ids, np.array(list(boxes.values()), float).reshape(-1, 4)


def test_perfect_tracks():
    gts = [frame(i0=ANNA, i1=BEN)] * 3
    preds = [frame(i9=BEN, i4=ANNA)] * 3
    counts = count_sequence(gts, preds)
    assert counts == MOTCounts(num_gt=6, tp=6, idtp=6)
    assert counts.mota == counts.idf1 == 1


def test_no_predictions():
    counts = count_sequence([frame(i0=ANNA)] * 3, [frame()] * 3)
    assert counts == MOTCounts(num_gt=3)
    assert counts.mota == counts.idf1 == 0
    assert counts.summary()['FN'] == 3


def test_no_ground_truth():
    counts = count_sequence([frame()] * 3, [frame(i0=ANNA)] * 3)
    assert counts == MOTCounts(fp=3)
    assert math.isnan(counts.mota) and counts.idf1 == 0


def test_no_frames():
    counts = count_sequence([], [])
    assert counts == MOTCounts()
    assert math.isnan(counts.mota) and math.isnan(counts.idf1)


def test_swapped_pair():
    gts = [frame(i0=ANNA, i1=BEN)] * 4
    preds = [frame(i0=ANNA, i1=BEN)] * 3 + [frame(i1=ANNA, i0=BEN)]
    counts = count_sequence(gts, preds)
    # All 8 boxes match, 2 switches; each identity is right in 3 of 4 frames.
    assert counts == MOTCounts(num_gt=8, tp=8, idsw=2, idtp=6)
    assert counts.mota == pytest.approx(1 - 2 / 8)
    assert counts.idf1 == pytest.approx(2 * 6 / (8 + 8))


def test_duplicate_is_a_false_positive():
    gts = [frame(i0=ANNA)] * 2
    preds = [frame(i0=ANNA, i1=NEAR_ANNA)] * 2
    counts = count_sequence(gts, preds)
    assert counts == MOTCounts(num_gt=2, tp=2, fp=2, idtp=2)
    assert counts.mota == 0
    assert counts.idf1 == pytest.approx(2 * 2 / (2 + 4))


def test_iou_below_half_does_not_match():
    counts = count_sequence([frame(i0=ANNA)], [frame(i0=HALF_ANNA)])
    assert counts == MOTCounts(num_gt=1, fp=1)
    assert counts.mota == -1


def test_iou_of_exactly_half_matches():
    half = [0, 0, 10, 10]  # covers 100 of 200
    assert count_sequence([frame(i0=ANNA)], [frame(i0=half)]).tp == 1


def test_old_pair_wins_over_better_box():
    gts = [frame(i0=ANNA)] * 2
    preds = [frame(i5=ANNA), frame(i5=NEAR_ANNA, i6=ANNA)]
    counts = count_sequence(gts, preds)
    assert counts == MOTCounts(num_gt=2, tp=2, fp=1, idtp=2)


def test_pair_survives_a_gap():
    gts = [frame(i0=ANNA)] * 4
    preds = [frame(i5=ANNA), frame(), frame(), frame(i5=NEAR_ANNA, i6=ANNA)]
    counts = count_sequence(gts, preds)
    assert counts == MOTCounts(num_gt=4, tp=2, fp=1, idtp=2)


def test_switch_counts_after_a_gap():
    gts = [frame(i0=ANNA)] * 4
    preds = [frame(i5=ANNA), frame(), frame(), frame(i6=ANNA)]
    counts = count_sequence(gts, preds)
    assert counts == MOTCounts(num_gt=4, tp=2, idsw=1, idtp=1)


def test_first_person_keeps_a_track_that_two_remember():
    gts = [frame(i0=ANNA), frame(i1=ANNA), frame(i0=ANNA, i1=NEAR_ANNA)]
    preds = [frame(i5=ANNA)] * 3
    counts = count_sequence(gts, preds)
    # Either person shares two frames with the one track.
    assert counts == MOTCounts(num_gt=4, tp=3, idtp=2)


def test_more_pairs_before_larger_iou():
    # Track 0 fits ANNA best, but then person 1 would stay alone.
    gts = [frame(i0=ANNA, i1=NEAR_ANNA)]
    preds = [frame(i0=[1, 0, 10, 20], i1=[-2, 0, 10, 20])]
    # IoU: person 0 with 9/11 and 8/12; person 1 with 9/11 and 6/14 (< 0.5).
    assert count_sequence(gts, preds).tp == 2


def test_ids_are_only_names():
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0, 30, (20, 6, 4)) + 20
    gts = [(rng.permutation(6), b) for b in boxes]
    preds = [(rng.permutation(6), b[::-1]) for b in boxes]
    renamed = [(ids * 1000 - 7, b) for ids, b in preds]
    assert count_sequence(gts, preds) == count_sequence(gts, renamed)


def test_counts_of_sequences_add_up():
    a = MOTCounts(num_gt=6, tp=6, idtp=6)
    b = MOTCounts(num_gt=4, tp=2, fp=1, idsw=1, idtp=1)
    assert a + b == MOTCounts(num_gt=10, tp=8, fp=1, idsw=1, idtp=7)
    assert (a + b).mota == pytest.approx(1 - (2 + 1 + 1) / 10)
    assert (a + b).idf1 == pytest.approx(2 * 7 / (10 + 9))


def test_double_id_is_refused():
    double = (np.array([3, 3]), np.array([ANNA, BEN], float))
    with pytest.raises(InputError, match='frame 2: track id 3'):
        count_sequence([frame()] * 2, [frame(), double])
    with pytest.raises(InputError, match='frame 1: person id 3'):
        count_sequence([double], [frame()])


class TestIgnorable:
    GTS = [frame(i0=ANNA)] * 2

    def test_unmatched_is_no_false_positive(self):
        preds = [frame(i0=ANNA, i1=NOWHERE)] * 2
        counts = count_sequence(self.GTS, preds, [np.array([False, True])] * 2)
        assert counts == MOTCounts(num_gt=2, tp=2, idtp=2)
        assert counts.mota == counts.idf1 == 1

    def test_matched_is_a_true_positive(self):
        preds = [frame(i0=ANNA)] * 2
        counts = count_sequence(self.GTS, preds, [np.array([True])] * 2)
        assert counts == MOTCounts(num_gt=2, tp=2, idtp=2)

    def test_unmatched_takes_part_in_the_identity_matching(self):
        # Track 0 has ANNA in frame 1, track 1 in frames 2 and 3, but frame 2
        # is matched to the old track 0. Only there track 1 is ignorable.
        gts = [frame(i0=ANNA)] * 3
        preds = [frame(i0=ANNA), frame(i0=NEAR_ANNA, i1=ANNA), frame(i1=ANNA)]
        ignorable = [np.array(flags) for flags in ([0], [0, 1], [0])]
        ignorable = [flags.astype(bool) for flags in ignorable]
        counts = count_sequence(gts, preds, ignorable)
        # Both tracks share two frames with ANNA, track 1 one of them ignored.
        assert counts == MOTCounts(num_gt=3, tp=3, idsw=1, idtp=2)
        assert counts.idf1 == pytest.approx(2 * 2 / (3 + 3))


class TestIgnoreRegions:
    SQUARE = np.array([[0, 0], [100, 0], [100, 100], [0, 100]], float)

    def test_iou_above_a_tenth(self):
        boxes = np.array([
            [0, 0, 100, 100],  # the region itself: IoU 1
            [0, 0, 20, 50],  # inside, 1000 of 10000: 0.1, not above
            [0, 0, 21, 50],  # inside, 1050 of 10000: 0.105
            [50, 0, 100, 100],  # 5000 of 15000: 0.333
            [90, 0, 100, 100],  # 1000 of 19000: 0.053
            [200, 200, 50, 50],  # outside
        ])
        assert in_ignore_regions(boxes, [self.SQUARE]).tolist() == [
            True, False, True, True, False, False
        ]

    def test_any_region_counts(self):
        boxes = np.array([[0, 0, 100, 100], [1000, 0, 100, 100]])
        regions = [self.SQUARE, self.SQUARE + [1000, 0]]
        assert in_ignore_regions(boxes, regions).all()

    def test_regions_do_not_add_up(self):
        # 8 % of the box in each of two regions of 800 pixels: IoU 0.08.
        boxes = np.array([[0, 0, 100, 100]])
        strip = np.array([[0, 0], [100, 0], [100, 8], [0, 8]], float)
        assert not in_ignore_regions(boxes, [strip, strip + [0, 50]]).any()

    def test_triangle(self):
        # Half of the box: IoU 0.5.
        triangle = np.array([[0, 0], [100, 0], [0, 100]], float)
        boxes = np.array([[0, 0, 100, 100]])
        assert in_ignore_regions(boxes, [triangle], 0.49).all()
        assert not in_ignore_regions(boxes, [triangle], 0.51).any()

    def test_region_that_crosses_itself(self):
        # A bow tie: its area falls apart into two triangles of 25 * 100 / 2.
        # Both lie in the box of 50 x 100: 2500 / (2 * 5000) = 0.25 when, as
        # in the kit, the unions of the parts with the box are summed.
        bow_tie = np.array([[0, 0], [50, 100], [50, 0], [0, 100]], float)
        boxes = np.array([[0, 0, 50, 100]])
        assert in_ignore_regions(boxes, [bow_tie], 0.249).all()
        assert not in_ignore_regions(boxes, [bow_tie], 0.251).any()

    def test_no_boxes_or_no_regions(self):
        nothing = np.zeros((0, 4))
        assert in_ignore_regions(nothing, [self.SQUARE]).shape == (0, )
        assert not in_ignore_regions(np.ones((2, 4)), []).any()

    def test_region_without_area(self):
        line = np.array([[0, 0], [10, 0], [20, 0]], float)
        assert not in_ignore_regions(np.ones((2, 4)), [line]).any()
