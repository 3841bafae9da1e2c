import pytest
import torch

from mmhqnet.models.heads import QueryPoseLayer

PARTS = ((0, 1), (2, ))


def make_layer(**kwargs):
    torch.manual_seed(0)
    layer = QueryPoseLayer(
        PARTS,
        embed_dims=16,
        region_size=4,
        conv_channels=[24, 16],
        part_dims=16,
        feedforward_channels=8,
        **kwargs)
    layer.init_weights()
    return layer


def inputs(num_persons=3):
    return (torch.randn(num_persons, 16, 4,
                        4), torch.randn(num_persons,
                                        16), torch.randn(num_persons, 2, 16))


@pytest.mark.parametrize('interact', [True, False])
def test_outputs(interact):
    regions, query, part_query = inputs()
    poses = make_layer(interact=interact)(regions, query, part_query)
    assert poses.mu.shape == poses.sigma.shape == (3, 3, 2)
    assert poses.part_query.shape == part_query.shape
    assert torch.equal(poses.query, query) != interact


def test_initial_weights():
    """Xavier for every matrix; the biases that start special are zero."""
    layer = make_layer()
    embedding = layer.parts.embedding
    for module in (layer.convs[0], layer.convs[2], embedding.attention,
                   embedding.projection):
        assert (module.bias == 0).all()
    for name, weight in layer.named_parameters():
        if weight.dim() > 1:
            fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(
                weight)
            bound = (6 / (fan_in + fan_out))**0.5
            assert 0.5 * bound < weight.abs().max() <= bound, name


@pytest.mark.parametrize('kwargs, training, independent', [
    (dict(interact=False), True, False),
    (dict(interact=False), False, True),
    (dict(interact=False, norm_cfg=dict(type='GN', num_groups=2)), True, True),
    (dict(interact=True, norm_cfg=dict(type='GN', num_groups=2)), True, False),
])
def test_who_depends_on_others(kwargs, training, independent):
    layer = make_layer(**kwargs).train(training)
    assert layer.is_independent == independent
    regions, query, part_query = inputs()
    together = layer(regions, query, part_query)
    alone = layer(regions[:1], query[:1], part_query[:1])
    if independent:
        torch.testing.assert_close(together.mu[:1], alone.mu)


def test_what_the_release_does_not_use_never_learns():
    layer = make_layer()
    frozen = {
        name
        for name, weight in layer.named_parameters()
        if not weight.requires_grad
    }
    assert frozen == {
        'unused_fc.weight', 'unused_norm.weight', 'unused_norm.bias'
    }
