import numpy as np
import pytest

from mmhqnet.structures import Box, Point, Scribble, Text
from mmhqnet.visualization.prompts import COLOUR, draw_prompt


@pytest.mark.parametrize('prompt, place', [
    (Point(50, 30), (30, 50)),
    (Scribble([[10, 10], [90, 10]]), (10, 50)),
    (Box(20, 20, 80, 40), (20, 50)),
])
def test_prompts_are_where_they_point(prompt, place):
    image = np.full((60, 100, 3), 90, np.uint8)
    drawn = draw_prompt(image, prompt)
    assert tuple(drawn[place]) == COLOUR
    assert (image == 90).all()
    assert (drawn[55, :5] == 90).all()


def test_words_stand_below_the_picture():
    image = np.full((60, 100, 3), 90, np.uint8)
    drawn = draw_prompt(image, Text('a caption that is rather long'))
    assert drawn.shape == draw_prompt(image, Point(1, 1)).shape
    assert (drawn[:60] == 90).all()
    assert (drawn[60:] < 100).any() and (drawn[60:, :2] == 255).all()
