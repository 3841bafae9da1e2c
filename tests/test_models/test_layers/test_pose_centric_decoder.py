import pytest
import torch

from mmhqnet.models.layers import (PoseCentricDecoder, build_mlp, move_joints,
                                   with_centre)

SHAPES = [(4, 6), (2, 3)]


def inputs(bs=1, groups=3, tokens=5):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return dict(
        query=draw(bs, groups, tokens, 16),
        value=draw(bs, 30, 16),
        key_padding_mask=None,
        reference_points=with_centre(
            draw(bs, groups, tokens - 1, 2).sigmoid()),
        spatial_shapes=SHAPES,
        valid_ratios=torch.ones(bs, 2, 2, dtype=torch.float64))


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return PoseCentricDecoder(
        num_layers=2,
        num_keypoints=4,
        layer_cfg=dict(
            embed_dims=16, num_heads=2, num_levels=2,
            feedforward_channels=16)).double()


@pytest.fixture
def branches():
    torch.manual_seed(1)
    return torch.nn.ModuleList(build_mlp(16, 16, 2, 1)
                               for _ in range(2)).double()


def test_joints_move_and_the_instance_stays_their_centre(decoder, branches):
    hidden, references = decoder(**inputs(), kpt_branches=branches)
    assert hidden.shape == (2, 1, 3, 5, 16) and len(references) == 2
    expected = move_joints(references[0][:, :, 1:], branches[0](hidden[0][:, :,
                                                                          1:]))
    torch.testing.assert_close(references[1][:, :, 1:], expected)
    torch.testing.assert_close(references[1][:, :, 0],
                               references[1][:, :, 1:].mean(2))


def test_the_order_of_groups_does_not_matter(decoder, branches):
    given = inputs()
    hidden, _ = decoder(**given, kpt_branches=branches)
    for name in ('query', 'reference_points'):
        given[name] = given[name].flip(1)
    turned, _ = decoder(**given, kpt_branches=branches)
    torch.testing.assert_close(turned.flip(2), hidden)


def test_images_of_a_batch_do_not_see_each_other(decoder, branches):
    both = inputs(bs=2)
    hidden, _ = decoder(**both, kpt_branches=branches)
    alone = {
        name: value[1:] if torch.is_tensor(value) else value
        for name, value in both.items()
    }
    expected, _ = decoder(**alone, kpt_branches=branches)
    torch.testing.assert_close(hidden[:, 1:], expected)


def test_later_layers_do_not_train_earlier_places(decoder, branches):
    hidden, references = decoder(**inputs(), kpt_branches=branches)
    references[1].sum().backward(retain_graph=True)
    assert branches[0][0].weight.grad is not None
    branches.zero_grad()
    hidden[1].sum().backward()
    assert branches[0][0].weight.grad is None


def test_a_joint_at_its_place_with_no_step_stays():
    joints = torch.tensor([[.2, .7]])
    torch.testing.assert_close(move_joints(joints, torch.zeros(1, 2)), joints)
