import pytest
import torch
from torch.overrides import TorchFunctionMode

from mmhqnet.registry import MODELS
from mmhqnet.testing import draw_data_set


class ReadableNumbers(TorchFunctionMode):
    """Swin Transformers read their drop rates from a tensor."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.linspace:
            kwargs['device'] = 'cpu'
        return function(*args, **kwargs)


@pytest.fixture
def build_weightless():
    """Builds a model of any size without memory for its weights."""

    def build(config):
        with torch.device('meta'), ReadableNumbers():
            return MODELS.build(config)

    return build


@pytest.fixture(scope='module')
def draw_toy(tmp_path_factory):
    """Draws a data set of 64 x 64 pixels with every label; its folder."""

    def draw(num_train):
        folder = tmp_path_factory.mktemp('toy') / 'toy'
        draw_data_set(folder, num_train=num_train, num_val=2)
        return folder

    return draw
