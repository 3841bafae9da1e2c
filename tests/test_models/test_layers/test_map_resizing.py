import pytest
import torch

from mmhqnet.models.layers import resize_maps


@pytest.mark.parametrize('size', [(68, 52), (41, 90), (17, 13), (8, 7)])
@pytest.mark.parametrize('number', [0, 3])
def test_both_ways_give_the_same(number, size):
    """Also of maps that are a part of larger ones."""
    maps = torch.randn(number, 20, 20)[:, :17, :13]
    expected = resize_maps(maps.double(), size)
    result = resize_maps(maps, size)
    torch.testing.assert_close(result.double(), expected, atol=1e-4, rtol=0)


def test_values_lie_in_the_middle_of_pixels():
    maps = torch.tensor([[[-1., 3.]]])
    resized, = resize_maps(maps, (1, 8))
    assert (resized > 0).tolist() == [[False] * 3 + [True] * 5]


def test_gradients_pass():
    maps = torch.ones(1, 2, 2, requires_grad=True)
    resize_maps(maps, (4, 6)).sum().backward()
    assert maps.grad.sum() == 24
