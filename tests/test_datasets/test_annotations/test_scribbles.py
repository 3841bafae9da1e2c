import numpy as np
import pytest

from mmhqnet.datasets.annotations.scribbles import (NUM_POINTS, draw_scribble,
                                                    redraw_scribble)


def masks():
    disc = np.hypot(*(np.mgrid[:40, :60] - np.array([20, 30])[:, None, None]))
    ring = (disc < 18) & (disc > 15)
    dots = np.zeros((40, 60), bool)
    dots[[3, 39, 20], [50, 0, 20]] = True
    return dict(disc=disc < 18, ring=ring, dots=dots)


@pytest.mark.parametrize('name', masks())
@pytest.mark.parametrize('draw', [draw_scribble, redraw_scribble])
def test_every_point_lies_in_the_mask(name, draw):
    mask = masks()[name].astype(np.uint8)
    for seed in range(20):
        points = draw(mask, np.random.default_rng(seed))
        assert points.shape == (NUM_POINTS, 2)
        assert mask[points[:, 1], points[:, 0]].all()


def test_a_wide_mask_gets_lines_and_an_empty_one_nothing():
    mask = masks()['disc']
    points = draw_scribble(mask, np.random.default_rng(0))
    assert len(np.unique(points, axis=0)) > 6
    assert draw_scribble(np.zeros_like(mask), np.random.default_rng(0)) is None


def test_redrawn_scribbles_keep_away_from_the_edge():
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    points = redraw_scribble(mask, np.random.default_rng(0))
    assert points.min() >= 12 and points.max() <= 27
