import torch
from torch import nn

from mmhqnet.models.layers import build_mlp


def test_layers_are_numbered_as_mmdets_branches():
    mlp = build_mlp(4, 8, 3, num_hidden=2)
    shapes = {
        name: tuple(value.shape)
        for name, value in mlp.state_dict().items() if 'weight' in name
    }
    assert shapes == {
        '0.weight': (8, 4),
        '2.weight': (8, 8),
        '4.weight': (3, 8)
    }
    x = torch.randn(5, 4)
    expected = mlp[4](mlp[2](mlp[0](x).clamp(min=0)).clamp(min=0))
    assert mlp(x).equal(expected)


def test_no_hidden_layer_is_linear():
    mlp = build_mlp(4, 8, 3, num_hidden=0)
    assert len(mlp) == 1 and isinstance(mlp[0], nn.Linear)
    assert mlp[0].weight.shape == (3, 4)
