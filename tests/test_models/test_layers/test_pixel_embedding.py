import torch
import torch.nn.functional as F

from mmhqnet.models.layers import PixelEmbedding


def test_formula(randomise):
    """1x1 of stride 4 plus enlarged stride 8, 3x3 with ReLU, 1x1."""
    module = PixelEmbedding(8, norm_cfg=dict(type='GN', num_groups=2))
    randomise(module.double())
    assert {
        name: tuple(value.shape)
        for name, value in module.named_parameters() if value.dim() > 1
    } == {
        'lateral_conv.conv.weight': (8, 8, 1, 1),
        'output_conv.conv.weight': (8, 8, 3, 3),
        'mask_feature.weight': (8, 8, 1, 1),
    }
    # Odd sizes: stride 4 of 50 x 94 pixels, and stride 8.
    feat = torch.randn(2, 8, 13, 24).double()
    memory = torch.randn(2, 8, 7, 12).double()
    lateral, output = module.lateral_conv, module.output_conv
    assert lateral.conv.bias is None and output.conv.bias is None
    x = F.group_norm(
        F.conv2d(feat, lateral.conv.weight), 2, lateral.gn.weight,
        lateral.gn.bias)
    x = x + F.interpolate(memory, (13, 24), mode='bilinear')
    x = F.group_norm(
        F.conv2d(x, output.conv.weight, padding=1), 2, output.gn.weight,
        output.gn.bias)
    x = F.conv2d(x.relu(), module.mask_feature.weight,
                 module.mask_feature.bias)
    torch.testing.assert_close(module(feat, memory), x)


def test_starts_with_xavier():
    torch.manual_seed(0)
    module = PixelEmbedding(64)
    module.init_weights()
    for conv in (module.lateral_conv.conv, module.output_conv.conv,
                 module.mask_feature):
        fan = 2 * 64 * conv.kernel_size[0]**2
        bound = (6 / fan)**0.5
        assert conv.weight.abs().max() <= bound
        assert conv.weight.abs().max() > 0.95 * bound
    assert not module.mask_feature.bias.any()


def test_narrow(randomise):
    """The memory is made narrow while it is small: then all is as before."""
    norm = dict(type='GN', num_groups=2)
    module = PixelEmbedding(8, in_channels=3, mask_dims=4, norm_cfg=norm)
    same = PixelEmbedding(4, in_channels=3, norm_cfg=norm)
    randomise(module.double())
    conv = module.memory_conv
    same.double().load_state_dict({
        name: weight
        for name, weight in module.state_dict().items()
        if not name.startswith('memory_conv.')
    })
    feat = torch.randn(2, 3, 14, 24).double()
    memory = torch.randn(2, 8, 7, 12).double()
    narrow = F.conv2d(memory, conv.weight, conv.bias)
    result = module(feat, memory)
    assert result.shape == (2, 4, 14, 24)
    torch.testing.assert_close(result, same(feat, narrow))
