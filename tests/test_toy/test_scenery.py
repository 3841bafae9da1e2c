"""Places and things: they hide people and are nobody."""
import numpy as np
import pytest

from mmhqnet.toy.canvas import Canvas
from mmhqnet.toy.scenery import THINGS, paint_backdrop


@pytest.mark.parametrize('seed', range(8))
def test_backdrops_fill_the_picture_and_are_nobody(seed):
    canvas = Canvas(60, 80)
    ground = paint_backdrop(canvas, np.random.default_rng(seed), 40)
    assert ground.shape == (3, ) and (0 <= ground).all()
    assert (canvas.picture() > 0).any(axis=2).mean() > 0.99
    assert not canvas.label_map().any()


@pytest.mark.parametrize('thing', THINGS)
def test_things_hide_who_stands_behind(thing):
    canvas = Canvas(100, 100)
    canvas.box(0, 0, 100, 100, (0, 0, 0), label=7)
    thing(canvas, np.random.default_rng(0), (50, 90), 80)
    hidden = canvas.label_map() == 0
    assert 20 < hidden.sum() < 6000
    assert (canvas.picture()[hidden] > 0).any(axis=1).mean() > 0.9
