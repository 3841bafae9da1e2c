import torch

from mmhqnet.models.layers.channel_norm import ChannelNorm


def test_every_pixel_is_normalised_by_itself():
    x = torch.randn(
        2, 8, 3, 5, generator=torch.Generator().manual_seed(0)) * 7 + 3
    norm = ChannelNorm(8)
    y = norm(x)
    assert y.shape == x.shape
    assert torch.allclose(y.mean(1), torch.zeros(2, 3, 5), atol=1e-5)
    assert torch.allclose(
        y.var(1, unbiased=False), torch.ones(2, 3, 5), atol=1e-4)
    torch.nn.init.constant_(norm.bias, 2.)
    assert torch.allclose(norm(x), y + 2)
