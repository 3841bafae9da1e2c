import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.models.necks import SimpleFeaturePyramid


def test_five_strides():
    neck = SimpleFeaturePyramid(in_channels=16, out_channels=8)
    maps = neck([torch.randn(2, 16, 4, 6)])
    assert [tuple(x.shape) for x in maps] == [(2, 8, 16, 24), (2, 8, 8, 12),
                                              (2, 8, 4, 6), (2, 8, 2, 3),
                                              (2, 8, 1, 2)]


def test_backbones_with_several_maps_are_refused():
    with pytest.raises(InputError, match='ChannelMapper'):
        SimpleFeaturePyramid(16, 8)([torch.randn(1, 16, 4, 4)] * 4)
