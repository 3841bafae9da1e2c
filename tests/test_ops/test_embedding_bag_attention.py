"""All ways to sample, against the definition and against mmcv."""
import itertools

import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import \
    multi_scale_deformable_attn_pytorch

from mmhqnet.ops import deformable_attention as module
from mmhqnet.ops import embedding_bag_attention as bags
from mmhqnet.ops.deformable_attention import ms_deform_attn

SHAPES = ((6, 9), (3, 5), (2, 2))
THIN_SHAPES = ((1, 7), (5, 1), (1, 1), (4, 3))
CPU_IMPLEMENTATIONS = ('embedding_bag', 'grid_sample')


def num_tokens(shapes):
    return sum(height * width for height, width in shapes)


def random_inputs(shapes=SHAPES,
                  bs=2,
                  num_queries=7,
                  num_heads=3,
                  dim=4,
                  num_points=2,
                  dtype=torch.float64,
                  seed=0):
    """Values, sampling locations (a quarter outside) and weights."""
    generator = torch.Generator().manual_seed(seed)

    def rand(*size):
        return torch.rand(*size, generator=generator, dtype=torch.float64)

    points = (bs, num_queries, num_heads, len(shapes), num_points)
    inputs = (rand(bs, num_tokens(shapes), num_heads, dim) - 0.5,
              rand(*points, 2) * 1.4 - 0.2, rand(*points))
    return [x.to(dtype).requires_grad_() for x in inputs]


def naive(value, shapes, locations, weights):
    """The definition, one pixel at a time."""
    bs, num_queries, num_heads, num_levels, num_points = weights.shape
    output = torch.zeros(bs, num_queries, num_heads, value.shape[-1]).double()
    starts = [num_tokens(shapes[:level]) for level in range(num_levels)]
    for b, q, m, lvl, p in itertools.product(*map(range, weights.shape)):
        height, width = shapes[lvl]
        x = locations[b, q, m, lvl, p, 0].item() * width - 0.5
        y = locations[b, q, m, lvl, p, 1].item() * height - 0.5
        for i, j in itertools.product(range(height), range(width)):
            near = max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j))
            if near > 0:
                output[b, q, m] += (
                    weights[b, q, m, lvl, p] * near *
                    value[b, starts[lvl] + i * width + j, m])
    return output.flatten(2)


def output_and_gradients(attend, inputs):
    output = attend(*inputs)
    direction = torch.arange(
        output.numel(), dtype=output.dtype).cos().view_as(output)
    return (output, *torch.autograd.grad(output, inputs, direction))


def mmcv_reference(shapes):
    return lambda value, locations, weights: (
        multi_scale_deformable_attn_pytorch(value, shapes, locations, weights))


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('shapes', [SHAPES, THIN_SHAPES])
def test_sampling_is_the_definition(impl, shapes):
    value, locations, weights = random_inputs(shapes)
    torch.testing.assert_close(
        ms_deform_attn(value, shapes, locations, weights, impl),
        naive(value, shapes, locations, weights),
        rtol=0,
        atol=1e-12)


# few points: fewer than rows of the value; many points: more
@pytest.mark.parametrize('num_queries', [3, 60], ids=['few', 'many'])
@pytest.mark.parametrize('shapes', [SHAPES, THIN_SHAPES, ((1, 1), )])
@pytest.mark.parametrize('chunk', [1, 50, bags.CHUNK])
def test_gradients_equal_mmcv(monkeypatch, num_queries, shapes, chunk):
    monkeypatch.setattr(bags, 'CHUNK', chunk)
    inputs = random_inputs(shapes, num_queries=num_queries)

    ours = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag'),
        inputs)
    for mine, theirs in zip(
            ours, output_and_gradients(mmcv_reference(shapes), inputs)):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-11)


def test_locations_at_pixel_centres_and_borders_equal_mmcv():
    """Where the bilinear weights have a kink, and one side must be chosen."""
    shapes = ((4, 8), )
    quarters = torch.arange(-4, 21, dtype=torch.float64) / 16
    x, y = torch.meshgrid(quarters, quarters, indexing='ij')
    locations = torch.stack((x, y), -1).view(1, -1, 1, 1, 1, 2)
    value = random_inputs(shapes, bs=1, num_heads=1)[0]
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
    inputs = random_inputs(
        shapes, bs=1, num_queries=2, num_heads=2, dim=2, num_points=1)
    assert torch.autograd.gradcheck(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, 'embedding_bag'),
        inputs)


def test_values_without_gradient():
    value, locations, weights = random_inputs()
    ms_deform_attn(value.detach(), SHAPES, locations, weights,
                   'embedding_bag').sum().backward()
    assert value.grad is None
    assert locations.grad.abs().sum() > 0


def test_runs_are_bitwise_equal():
    inputs = random_inputs(num_queries=60, dtype=torch.float32)

    def attend(v, x, w):
        return ms_deform_attn(v, SHAPES, x, w, 'embedding_bag')

    for first, second in zip(
            output_and_gradients(attend, inputs),
            output_and_gradients(attend, inputs)):
        assert torch.equal(first, second)


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_low_precision_is_computed_in_float32(impl, dtype):
    inputs = random_inputs(dtype=dtype)
    output = ms_deform_attn(inputs[0], SHAPES, *inputs[1:], impl)
    expected = ms_deform_attn(inputs[0].float(), SHAPES,
                              *[x.float() for x in inputs[1:]], impl)
    assert output.dtype == dtype
    assert torch.equal(output, expected.to(dtype))
    for x, grad in zip(inputs, torch.autograd.grad(output.sum(), inputs)):
        assert grad.dtype == dtype and grad.isfinite().all()


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
def test_no_queries(impl):
    inputs = random_inputs(num_queries=0)
    output = ms_deform_attn(inputs[0], SHAPES, *inputs[1:], impl)
    assert output.shape == (2, 0, 12)
    for x, grad in zip(inputs, torch.autograd.grad(output.sum(), inputs)):
        assert torch.equal(grad, torch.zeros_like(x))


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('counts', [(3, 1), (0, 4), (0, 0)])
def test_concatenated_queries_equal_images_one_by_one(impl, counts):
    value, locations, weights = random_inputs(num_queries=4)
    expected = [
        ms_deform_attn(value[[b]], SHAPES, locations[[b], :count],
                       weights[[b], :count], impl)
        for b, count in enumerate(counts)
    ]
    concatenated = [
        torch.cat([x[b, :count] for b, count in enumerate(counts)])[None]
        for x in (locations, weights)
    ]
    output = ms_deform_attn(
        value, SHAPES, *concatenated, impl, query_counts=counts)
    torch.testing.assert_close(output, torch.cat(expected, 1))
    for x, y in zip(
            torch.autograd.grad(output.square().sum(),
                                (value, locations, weights)),
            torch.autograd.grad(
                torch.cat(expected, 1).square().sum(),
                (value, locations, weights))):
        torch.testing.assert_close(x, y)


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
def test_inputs_are_left_alone(impl):
    # one point of one head: the smallest tensors are contiguous in all orders
    inputs = random_inputs(((3, 4), ), 1, 1, num_heads=1, num_points=1)
    before = [x.detach().clone() for x in inputs]
    ms_deform_attn(inputs[0], ((3, 4), ), *inputs[1:], impl).sum().backward()
    for x, y in zip(inputs, before):
        assert torch.equal(x, y)


def test_the_value_decides_the_type():
    value, locations, weights = random_inputs()
    output = ms_deform_attn(value.float(), SHAPES, locations, weights)
    assert output.dtype == torch.float32
    torch.testing.assert_close(
        output,
        ms_deform_attn(value, SHAPES, locations, weights).float())


def test_not_a_number_stays_with_its_query():
    value, locations, weights = random_inputs(dtype=torch.float32)
    with torch.no_grad():
        locations[1, 2] = float('nan')
    output = ms_deform_attn(value, SHAPES, locations, weights, 'embedding_bag')
    assert output[1, 2].isnan().all()
    assert output.isnan().sum() == output[1, 2].numel()
    output.sum().backward()


def test_far_away_locations_give_zero():
    value, locations, weights = random_inputs(dtype=torch.float32)
    for far in (1e30, -1e30):
        output = ms_deform_attn(value, SHAPES, torch.full_like(locations, far),
                                weights, 'embedding_bag')
        assert torch.equal(output, torch.zeros_like(output))


def test_training_after_inference_mode():
    shapes = ((3, 2), (5, 4))  # not used elsewhere, so nothing is cached yet
    value, locations, weights = random_inputs(shapes)
    with torch.inference_mode():
        expected = ms_deform_attn(value, shapes, locations, weights)
    output = ms_deform_attn(value, shapes, locations, weights)
    output.sum().backward()
    assert torch.equal(output, expected)


def test_auto_on_the_cpu_is_the_embedding_bag():
    value, locations, weights = random_inputs(dtype=torch.float32)
    output = ms_deform_attn(value, SHAPES, locations, weights)
    assert torch.equal(
        output,
        ms_deform_attn(value, SHAPES, locations, weights, 'embedding_bag'))


def test_missing_kernel_is_replaced_with_one_warning():
    module._warn_once.cache_clear()
    value, locations, weights = random_inputs()
    with pytest.warns(UserWarning, match="no .* kernel for device 'cpu'"):
        output = ms_deform_attn(value, SHAPES, locations, weights, 'mmcv')
    assert torch.equal(
        output, ms_deform_attn(value, SHAPES, locations, weights,
                               'grid_sample'))


@pytest.mark.parametrize('case, message', [
    (dict(impl='cuda'), "impl is 'cuda'"),
    (dict(spatial_shapes=((6, 9), (3, 5), (2, 3))), '75 tokens'),
    (dict(spatial_shapes=((6, 9), (3, 5), (1, 2), (1, 2))), '4 spatial'),
    (dict(query_counts=(3, 4)), 'do not fit'),
])
def test_wrong_arguments_are_named(case, message):
    value, locations, weights = random_inputs()
    arguments = dict(
        value=value,
        spatial_shapes=SHAPES,
        sampling_locations=locations,
        attention_weights=weights)
    with pytest.raises(ValueError, match=message):
        ms_deform_attn(**{**arguments, **case})


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('impl', ['auto', 'embedding_bag', 'grid_sample'])
def test_cuda_equals_cpu(impl):
    inputs = random_inputs(bs=3)
    expected = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, SHAPES, x, w), inputs)
    output = ms_deform_attn(
        inputs[0].cuda(),
        SHAPES,
        *[x.cuda() for x in inputs[1:]],
        impl,
        im2col_step=2)
    torch.testing.assert_close(output.cpu(), expected[0])
