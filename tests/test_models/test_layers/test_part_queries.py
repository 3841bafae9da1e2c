import torch

from mmhqnet.models.layers import (PartPoseBranch, PartQueryLayer,
                                   RegionUpsampling)

PARTS = ((3, 0), (1, 2, 4))


def make_layer():
    torch.manual_seed(0)
    return PartQueryLayer(
        2,
        embed_dims=8,
        channels=6,
        part_dims=16,
        num_heads=4,
        feedforward_channels=12).eval()


def inputs(num_persons=3):
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(num_persons, *shape, generator=generator)
        for shape in ((6, 4, 4), (8, ), (2, 16)))


def test_persons_do_not_see_each_other():
    layer = make_layer()
    together = layer(*inputs())
    alone = layer(*(rows[1:2] for rows in inputs()))
    torch.testing.assert_close(together[1:2], alone)


def test_spatial_attention_picks_a_place():
    """An attention map that is one pixel reads that pixel."""
    embedding = make_layer().embedding
    regions, _, _ = inputs()
    with torch.no_grad():
        embedding.attention.weight.zero_()
        # The map of part 0 grows with channel 0, which is highest at (2, 1).
        embedding.attention.weight[0, 0, 1, 1] = 1e4
        regions[:, 0] = 0.
        regions[:, 0, 2, 1] = 1.
    expected = embedding.projection(regions[:, :, 2, 1])
    torch.testing.assert_close(embedding(regions)[:, 0], expected)
    # A flat map reads the mean.
    expected = embedding.projection(regions.mean((-2, -1)))
    torch.testing.assert_close(embedding(regions)[:, 1], expected)


def test_gates_select():
    iteration = make_layer().iteration
    new, old = torch.randn(2, 3, 2, 16)
    with torch.no_grad():
        iteration.gates.weight.zero_()
        iteration.gates.bias[:16] = 100.
        iteration.gates.bias[16:] = -100.
    torch.testing.assert_close(iteration(new, old), new)


def test_keypoints_return_to_their_places():
    branch = PartPoseBranch(PARTS, part_dims=4)
    with torch.no_grad():
        for part, mu, sigma in zip(PARTS, branch.mu_branches,
                                   branch.sigma_branches):
            for linear in (mu, sigma):
                linear.weight.zero_()
                linear.bias.copy_(
                    torch.tensor([[k, -k] for k in part]).flatten())
    mu, sigma = branch(torch.randn(5, 2, 4))
    number = torch.arange(5.)
    expected = torch.stack([number, -number], -1).expand(5, -1, -1)
    torch.testing.assert_close(mu, expected)
    torch.testing.assert_close(sigma, expected.sigmoid())


def test_position_depends_on_the_direction_of_a_query():
    branch = PartPoseBranch(PARTS, part_dims=4)
    query = torch.randn(5, 2, 4)
    torch.testing.assert_close(branch(query)[0], branch(9 * query)[0])


def test_upsampling_doubles():
    upsampling = RegionUpsampling(4, dict(type='GN', num_groups=2))
    assert upsampling(torch.randn(3, 4, 5, 5)).shape == (3, 4, 10, 10)
