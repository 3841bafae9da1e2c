"""The embedding bag against mmcv's function and the calculus."""
import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import \
    multi_scale_deformable_attn_pytorch

from mmhqnet.ops import embedding_bag as bags
from mmhqnet.ops import ms_deform_attn
from mmhqnet.testing.attention import (SHAPES, THIN_SHAPES,
                                       output_and_gradients,
                                       random_attention_inputs)


def mmcv_reference(shapes):
    return lambda value, locations, weights: (
        multi_scale_deformable_attn_pytorch(value, shapes, locations, weights))


# few points: fewer than rows of the value; many points: more
@pytest.mark.parametrize('num_queries', [3, 60], ids=['few', 'many'])
@pytest.mark.parametrize('shapes', [SHAPES, THIN_SHAPES, ((1, 1), )])
@pytest.mark.parametrize('chunk', [1, 50, bags.CHUNK])
def test_gradients_equal_mmcv(monkeypatch, num_queries, shapes, chunk):
    monkeypatch.setattr(bags, 'CHUNK', chunk)
    inputs = random_attention_inputs(shapes, num_queries=num_queries)

    ours = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag'),
        inputs)
    for mine, theirs in zip(
            ours, output_and_gradients(mmcv_reference(shapes), inputs)):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-11)


def test_more_points_than_pixels():
    shapes = ((1, 1), )
    inputs = random_attention_inputs(shapes, 1, 8, num_heads=1, num_points=4)
    for mine, theirs in zip(
            output_and_gradients(
                lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag'
                                               ), inputs),
            output_and_gradients(mmcv_reference(shapes), inputs)):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_locations_at_pixel_centres_and_borders_equal_mmcv():
    """Where the bilinear weights have a kink, and one side must be chosen."""
    shapes = ((4, 8), )
    quarters = torch.arange(-4, 21, dtype=torch.float64) / 16
    x, y = torch.meshgrid(quarters, quarters, indexing='ij')
    locations = torch.stack((x, y), -1).view(1, -1, 1, 1, 1, 2)
    value = random_attention_inputs(shapes, bs=1, num_heads=1)[0]
    inputs = [
        value,
        locations.requires_grad_(),
        torch.ones_like(locations[..., 0]).detach().requires_grad_()
    ]
    ours = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag'),
        inputs)
    for mine, theirs in zip(
            ours, output_and_gradients(mmcv_reference(shapes), inputs)):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_gradcheck():
    shapes = ((2, 3), (1, 2))
    inputs = random_attention_inputs(
        shapes, bs=1, num_queries=2, num_heads=2, dim=2, num_points=1)
    assert torch.autograd.gradcheck(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag'),
        inputs)


def test_values_without_gradient():
    value, locations, weights = random_attention_inputs()
    ms_deform_attn(value.detach(), SHAPES, locations, weights,
                   'embedding_bag').sum().backward()
    assert value.grad is None
    assert locations.grad.abs().sum() > 0


def test_runs_are_bitwise_equal():
    inputs = random_attention_inputs(num_queries=60, dtype=torch.float32)

    def attend(v, x, w):
        return ms_deform_attn(v, SHAPES, x, w, 'embedding_bag')

    for first, second in zip(
            output_and_gradients(attend, inputs),
            output_and_gradients(attend, inputs)):
        assert torch.equal(first, second)


def test_not_a_number_stays_with_its_query():
    value, locations, weights = random_attention_inputs(dtype=torch.float32)
    with torch.no_grad():
        locations[1, 2] = float('nan')
    output = ms_deform_attn(value, SHAPES, locations, weights, 'embedding_bag')
    assert output[1, 2].isnan().all()
    assert output.isnan().sum() == output[1, 2].numel()
    output.sum().backward()


def test_far_away_locations_give_zero():
    value, locations, weights = random_attention_inputs(dtype=torch.float32)
    for far in (1e30, -1e30):
        output = ms_deform_attn(value, SHAPES, torch.full_like(locations, far),
                                weights, 'embedding_bag')
        assert torch.equal(output, torch.zeros_like(output))


def test_training_after_inference_mode():
    shapes = ((3, 2), (5, 4))  # not used elsewhere, so nothing is cached yet
    value, locations, weights = random_attention_inputs(shapes)
    with torch.inference_mode():
        expected = ms_deform_attn(value, shapes, locations, weights)
    output = ms_deform_attn(value, shapes, locations, weights)
    output.sum().backward()
    assert torch.equal(output, expected)
