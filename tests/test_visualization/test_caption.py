import numpy as np
import pytest

from mmhqnet.visualization.caption import caption


@pytest.mark.parametrize('words', ['', 'a', 'ground truth', 'many words ' * 9])
@pytest.mark.parametrize('width', [40, 160, 2000])
def test_words_stay_on_the_strip(width, words):
    strip = caption(width, words)
    assert strip.shape == caption(width, 'others').shape
    border = np.concatenate([strip[0], strip[-1], strip[:, 0], strip[:, -1]])
    assert (border == 255).all()
    assert (strip.min() < 200) == bool(words)
