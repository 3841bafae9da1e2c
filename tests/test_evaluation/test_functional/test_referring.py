from pathlib import Path

import numpy as np
import pytest

from mmhqnet.evaluation.functional.referring import (count_correct_joints,
                                                     mask_overlap,
                                                     referring_scores)

DATA = Path(__file__).parents[2] / 'data/parity/uniphd/metrics.npz'


@pytest.fixture(scope='module')
def reference():
    with np.load(DATA) as file:
        return dict(file)


def unpacked(masks, reference):
    width = int(reference['mask_size'][1])
    return np.unpackbits(masks, axis=-1)[..., :width]


def test_equal_to_the_released_evaluation(reference):
    best = reference['scores'].argmax(1)
    samples = np.arange(len(best))
    joints = [
        count_correct_joints(pred[:, :2], gt[:, :2], gt[:, 2])
        for pred, gt in zip(reference['pred_keypoints'][samples, best],
                            reference['gt_keypoints'])
    ]
    np.testing.assert_array_equal(
        joints,
        np.stack([reference['pckh_correct'], reference['pckh_total']], 1))
    overlaps = [
        mask_overlap(*masks) for masks in zip(
            unpacked(reference['pred_masks'][samples, best], reference),
            unpacked(reference['gt_masks'], reference))
    ]
    scores = referring_scores(joints, overlaps)
    np.testing.assert_allclose(scores['PCKh'], reference['pckh'], rtol=1e-9)
    np.testing.assert_allclose(scores['oIoU'], reference['oiou'], rtol=1e-8)
    np.testing.assert_allclose(scores['mIoU'], reference['miou'], rtol=1e-6)
    np.testing.assert_allclose(
        [scores[f'P_{bound}'] for bound in (50, 60, 70, 80, 90)],
        reference['precision_at_50_60_70_80_90'])


def test_joints_count_within_half_a_head():
    target = np.zeros((5, 2))
    target[3], target[4] = (0, 0), (0, 10)
    pred = target + [[5, 0], [5.01, 0], [0, 0], [0, 0], [3, 4]]
    visible = np.array([1, 2, 0, 1, 1])
    assert count_correct_joints(pred, target, visible) == (3, 4)
    assert count_correct_joints(pred, target,
                                visible * [1, 1, 1, 0, 1]) == (0, 0)


def test_a_head_of_size_zero_counts():
    target = np.zeros((5, 2))
    assert count_correct_joints(target, target, np.ones(5)) == (5, 5)
    assert count_correct_joints(target + 1, target, np.ones(5)) == (0, 5)


def test_large_persons_weigh_more_in_oiou_than_in_miou():
    scores = referring_scores([(1, 2), (0, 0)], [(90, 100), (0, 10)])
    assert scores['oIoU'] == pytest.approx(90 / 110)
    assert scores['mIoU'] == pytest.approx(.45)
    assert scores['PCKh'] == .5
    assert scores['P_90'] == 0 and scores['P_80'] == .5


def test_nothing_to_evaluate():
    assert set(referring_scores([], []).values()) == {-1.}
