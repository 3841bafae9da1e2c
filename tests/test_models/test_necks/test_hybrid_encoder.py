"""What the maps of the hybrid encoder know of each other."""
import pytest
import torch

from mmhqnet.models.necks import HybridEncoder

CHANNELS, DIMS = (5, 6, 8, 10), 16
SIZES = ((32, 48), (16, 24), (8, 12), (4, 6))


@pytest.fixture
def neck(randomise):
    torch.manual_seed(0)
    module = HybridEncoder(
        CHANNELS,
        DIMS,
        num_heads=2,
        feedforward_channels=20,
        norm_cfg=dict(type='GN', num_groups=2))
    module.init_weights()
    return randomise(module.double())


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, channels, *size, generator=generator).double()
        for channels, size in zip(CHANNELS, SIZES)
    ]


def test_shapes_and_the_finest_map(neck, maps):
    finest, *encoded = neck(maps)
    assert finest is maps[0]
    assert [feat.shape for feat in encoded] == [(2, DIMS, *size)
                                                for size in SIZES[1:]]


def test_images_of_a_batch_do_not_see_each_other(neck, maps):
    together = neck(maps)
    for image in range(2):
        alone = neck([feat[image:image + 1] for feat in maps])
        for ours, expected in zip(alone, together):
            torch.testing.assert_close(ours, expected[image:image + 1])


def test_every_place_sees_the_whole_image(neck, maps):
    """Through the attention; convolutions alone do not reach that far."""
    maps[-1].requires_grad_()
    # The opposite corner, before the maps are joined.
    neck._attend(neck.projections[-1](maps[-1]))[0, :, 0, 0].sum().backward()
    assert maps[-1].grad[0, :, -1, -1].all()
    assert not maps[-1].grad[1].any()


def test_all_maps_reach_all_encoded_maps(neck, maps):
    for feat in maps[1:]:
        feat.requires_grad_()
    for encoded in neck(maps)[1:]:
        gradients = torch.autograd.grad(
            encoded.square().sum(), maps[1:], retain_graph=True)
        assert all(gradient.any() for gradient in gradients)


def test_initial_weights():
    torch.manual_seed(0)
    neck = HybridEncoder(CHANNELS, 64, feedforward_channels=32)
    neck.init_weights()
    weight = neck.attention.ffn.layers[1].weight
    bound = (6 / (64 + 32))**0.5
    assert 0.95 * bound < weight.abs().max() <= bound
