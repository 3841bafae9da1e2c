"""Plain multi-layer perceptrons of the prediction branches."""
from torch import nn


def build_mlp(in_dims: int, hidden_dims: int, out_dims: int,
              num_hidden: int) -> nn.Sequential:
    """Linear layers with ReLU between them.

    Args:
        in_dims (int): Input channels.
        hidden_dims (int): Channels of every hidden layer.
        out_dims (int): Output channels.
        num_hidden (int): Number of hidden layers; 0 gives one linear layer.

    Returns:
        nn.Sequential: ``num_hidden`` x (Linear, ReLU), then Linear. The
        linear layers have the indices 0, 2, 4, ... as in mmdet's branches.
    """
    layers = []
    for _ in range(num_hidden):
        layers += [nn.Linear(in_dims, hidden_dims), nn.ReLU()]
        in_dims = hidden_dims
    return nn.Sequential(*layers, nn.Linear(in_dims, out_dims))
