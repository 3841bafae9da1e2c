"""The Triton kernel against the embedding bag.

Without a GPU the kernel runs on the CPU, in Triton's interpreter.
"""
import pytest
import torch

from mmhqnet.ops import ms_deform_attn
from mmhqnet.testing.attention import (SHAPES, THIN_SHAPES,
                                       output_and_gradients,
                                       random_attention_inputs)

pytest.importorskip(
    'triton', reason='triton is not installed; GPU builds of torch bring it')
from mmhqnet.ops.triton_kernel import triton_attention  # noqa: E402

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'


def make_inputs(*args, **kwargs):
    return random_attention_inputs(*args, **kwargs, dtype=torch.float32)


def assert_equal(shapes, inputs, query_counts=None):
    """Output and all gradients, of the kernel and of the embedding bag."""
    found = output_and_gradients(
        lambda v, x, w: triton_attention(v, shapes, x, w, query_counts),
        [x.detach().to(DEVICE).requires_grad_() for x in inputs])
    expected = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag',
                                       query_counts), inputs)
    for mine, theirs in zip(found, expected):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-5, atol=1e-5)


# Rows of one program: none, a part, exactly one program, more. Dimensions of
# a head: a power of two and others.
@pytest.mark.parametrize('bs, num_queries, num_heads, dim, num_points', [
    (2, 7, 3, 4, 2),
    (1, 1, 1, 1, 1),
    (1, 8, 2, 32, 4),
    (2, 3, 3, 12, 3),
])
@pytest.mark.parametrize('shapes', [SHAPES, THIN_SHAPES, ((1, 1), )])
def test_values_and_gradients(shapes, bs, num_queries, num_heads, dim,
                              num_points):
    inputs = make_inputs(shapes, bs, num_queries, num_heads, dim, num_points)
    assert_equal(shapes, inputs)


@pytest.mark.parametrize('counts', [(3, 4), (0, 7)])
def test_concatenated_queries(counts):
    assert_equal(SHAPES, [make_inputs()[0], *make_inputs(bs=1)[1:]], counts)


def test_inputs_in_any_layout():
    inputs = [x.to(DEVICE) for x in make_inputs()]
    turned = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in inputs]
    assert torch.equal(
        triton_attention(turned[0], SHAPES, *turned[1:]),
        triton_attention(inputs[0], SHAPES, *inputs[1:]))


def test_locations_at_pixel_centres_and_borders():
    """Where the bilinear weights have a kink, and one side must be chosen."""
    shapes, steps = ((2, 4), ), torch.arange(-2, 11) / 8
    locations = torch.cartesian_prod(steps, steps)
    assert_equal(shapes, [
        make_inputs(shapes, 1, num_heads=1)[0],
        locations.view(1, -1, 1, 1, 1, 2).requires_grad_(),
        torch.ones(1, len(locations), 1, 1, 1).requires_grad_()
    ])


@pytest.mark.parametrize('far', [2., -1., 1e6, 1e30, -1e30])
def test_far_away_locations_give_zero(far):
    inputs = [x.detach().to(DEVICE).requires_grad_() for x in make_inputs()]
    inputs[1].data.fill_(far)
    for result in output_and_gradients(
            lambda v, x, w: triton_attention(v, SHAPES, x, w), inputs):
        assert torch.equal(result, torch.zeros_like(result))


@pytest.mark.filterwarnings('ignore:invalid value')
def test_not_a_number_stays_with_its_query():
    value, locations, weights = (x.to(DEVICE) for x in make_inputs())
    locations = locations.detach().clone()
    locations[1, 2] = float('nan')
    output = triton_attention(value, SHAPES, locations, weights)
    assert output[1, 2].isnan().all()
    assert output.isnan().sum() == output[1, 2].numel()


def test_values_without_gradient():
    value, locations, weights = make_inputs()
    triton_attention(value.detach().to(DEVICE), SHAPES, locations.to(DEVICE),
                     weights.to(DEVICE)).sum().backward()
    assert value.grad is None
    assert locations.grad.abs().sum() > 0
