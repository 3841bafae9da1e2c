import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.structures import (Box, Point, Scribble, Text, prompt_from_dict,
                                swap_sides)

MIRRORED = np.array([[-1., 0, 100], [0, 1, 0], [0, 0, 1]])
PROMPTS = (Point(10, 20), Scribble([[1, 2], [30, 4]]), Box(10, 20, 30, 60),
           Text('the Leftmost man, right arm up'))


@pytest.mark.parametrize('prompt', PROMPTS, ids=lambda prompt: prompt.kind)
def test_json_and_back(prompt):
    assert prompt_from_dict(prompt.to_dict()) == prompt


@pytest.mark.parametrize('prompt', PROMPTS, ids=lambda prompt: prompt.kind)
def test_mirrored_twice_is_as_before(prompt):
    assert prompt.moved(MIRRORED) != prompt
    assert prompt.moved(MIRRORED).moved(MIRRORED) == prompt


def test_points_move_as_pixels_do():
    half = np.array([[.5, 0, 3], [0, .5, -1], [0, 0, 1]])
    assert Point(10, 20).moved(half) == Point(8, 9)
    assert Box(10, 20, 30, 60).moved(MIRRORED) == Box(70, 20, 90, 60)
    assert Text('left').moved(half) == Text('left')


def test_a_picture_upside_down_keeps_its_sides():
    vertical = np.array([[1., 0, 0], [0, -1, 50], [0, 0, 1]])
    assert Text('left').moved(vertical) == Text('left')
    assert Text('left').moved(vertical @ MIRRORED) == Text('right')


@pytest.mark.parametrize(
    'caption, mirrored',
    [('left', 'right'), ('LEFT of the Right one', 'RIGHT of the Left one'),
     ('leftmost woman', 'rightmost woman'),
     ('left-hand side', 'right-hand side'), ('lefty', 'righty'),
     ('the left\'s rightmost', 'the right\'s leftmost'),
     ('bright leftover copyright', 'bright leftover copyright')])
def test_words_change_sides_as_words(caption, mirrored):
    assert swap_sides(caption) == mirrored


@pytest.mark.parametrize('make', [
    lambda: Point(float('nan'), 1), lambda: Point('a', 1),
    lambda: Scribble([]), lambda: Scribble([1, 2]),
    lambda: Scribble([[1, 2, 3]]), lambda: Scribble([[1, np.inf]]),
    lambda: Scribble(np.zeros((20000, 2))), lambda: Box(3, 0, 3, 5),
    lambda: Text('  '), lambda: Text(None), lambda: prompt_from_dict({}),
    lambda: prompt_from_dict(dict(kind='circle')),
    lambda: prompt_from_dict(dict(kind='point', x=1)),
    lambda: prompt_from_dict([1, 2])
])
def test_what_is_no_prompt_is_refused_in_one_line(make):
    with pytest.raises(InputError) as error:
        make()
    assert '\n' not in str(error.value)


def test_a_scribble_may_have_one_point():
    assert Scribble([[3, 4]]).points.shape == (1, 2)


@pytest.mark.parametrize(
    'prompt',
    [Point(-1, 5),
     Scribble([[101, 5], [50, 51]]),
     Box(100, 0, 120, 50)])
def test_prompts_outside_of_the_image_are_refused(prompt):
    with pytest.raises(InputError, match='100 x 50'):
        prompt.check_inside(100, 50)


def test_prompts_that_touch_the_image_are_accepted():
    for prompt in (Scribble([[101, 5],
                             [50, 50]]), Box(-5, -5, 1,
                                             1), Point(100, 50), Text('x')):
        prompt.check_inside(100, 50)
