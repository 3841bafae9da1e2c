"""ImageNet's MobileNetV2: the same features under other names."""
import pytest
import torch
from mmdet.models.backbones import MobileNetV2
from torch import nn

from mmhqnet.checkpoints import convert_mobilenetv2
from mmhqnet.errors import InputError


class Block(nn.Module):
    """An inverted residual as in torchvision, nested or flat."""

    def __init__(self, inputs, outputs, stride, expansion, nested):
        super().__init__()
        hidden = inputs * expansion

        def conv(inputs, size=1, stride=1, groups=1):
            module = nn.Conv2d(
                inputs, hidden, size, stride, size // 2, 1, groups, bias=False)
            modules = [module, nn.BatchNorm2d(hidden), nn.ReLU6()]
            return [nn.Sequential(*modules)] if nested else modules

        layers = conv(inputs) if expansion > 1 else []
        layers += conv(hidden, 3, stride, hidden)
        layers += [
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs)
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


def torchvisions(nested):
    """The network of torchvision with random weights and statistics."""

    def stem(inputs, outputs, size, stride):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs), nn.ReLU6())

    torch.manual_seed(0)
    layers, channels = [stem(3, 32, 3, 2)], 32
    for t, c, n, s in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2),
                       (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320,
                                                                      1, 1)):
        for block in range(n):
            layers.append(Block(channels, c, 1 if block else s, t, nested))
            channels = c
    layers.append(stem(320, 1280, 1, 1))
    model = nn.Module()
    model.features = nn.Sequential(*layers)
    model.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 10))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


@pytest.mark.parametrize('nested', [True, False], ids=['nested', 'flat'])
def test_features_are_torchvisions(nested):
    source = torchvisions(nested)
    backbone = MobileNetV2(out_indices=range(8))
    backbone.eval()
    backbone.load_state_dict(convert_mobilenetv2(source.state_dict()))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features = backbone(image)
        for layer, end in zip(features, (2, 4, 7, 11, 14, 17, 18, 19)):
            torch.testing.assert_close(layer, source.features[:end](image))


def test_in_a_checkpoint():
    source = torchvisions(True).state_dict()
    wrapped = dict(
        epoch=3,
        state_dict={
            f'module.{name}': w
            for name, w in source.items()
        })
    converted = convert_mobilenetv2(wrapped)
    assert converted['conv1.conv.weight'].equal(source['features.0.0.weight'])
    assert not any('classifier' in name for name in converted)


@pytest.mark.parametrize('drop', ['features.18.', 'features.5.conv.2', ''])
def test_another_network(drop):
    weights = {
        name: weight
        for name, weight in torchvisions(True).state_dict().items()
        if not name.startswith(drop)
    }
    with pytest.raises(InputError, match='not the weights of a MobileNetV2'):
        convert_mobilenetv2(weights)
