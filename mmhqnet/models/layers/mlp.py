"""Plain multi-layer perceptrons of the prediction branches."""
from torch import nn


def build_mlp(in_dims: int, hidden_dims: int, out_dims: int,
              num_hidden: int) -> nn.Sequential:
    """``num_hidden`` x (Linear, ReLU), then Linear.

    The linear layers have the indices 0, 2, 4, ... as in mmdet's branches.
    """
    layers = []
    for _ in range(num_hidden):
        layers += [nn.Linear(in_dims, hidden_dims), nn.ReLU()]
        in_dims = hidden_dims
    return nn.Sequential(*layers, nn.Linear(in_dims, out_dims))
