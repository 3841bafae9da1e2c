"""What all ways to compute deformable attention have in common."""
import itertools
import warnings

import pytest
import torch

from mmhqnet.ops import functional, mmcv_operator, ms_deform_attn
from mmhqnet.testing.attention import (SHAPES, THIN_SHAPES,
                                       output_and_gradients,
                                       random_attention_inputs)

CPU_IMPLEMENTATIONS = ('embedding_bag', 'grid_sample')


def naive(value, shapes, locations, weights):
    """The definition, one pixel at a time."""
    bs, num_queries, num_heads, num_levels, num_points = weights.shape
    output = torch.zeros(bs, num_queries, num_heads, value.shape[-1]).double()
    starts = [
        sum(h * w for h, w in shapes[:level]) for level in range(num_levels)
    ]
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


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('shapes', [SHAPES, THIN_SHAPES])
def test_sampling_is_the_definition(impl, shapes):
    value, locations, weights = random_attention_inputs(shapes)
    torch.testing.assert_close(
        ms_deform_attn(value, shapes, locations, weights, impl),
        naive(value, shapes, locations, weights),
        rtol=0,
        atol=1e-12)


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_low_precision_is_computed_in_float32(impl, dtype):
    inputs = random_attention_inputs(dtype=dtype)
    output = ms_deform_attn(inputs[0], SHAPES, *inputs[1:], impl)
    expected = ms_deform_attn(inputs[0].float(), SHAPES,
                              *[x.float() for x in inputs[1:]], impl)
    assert output.dtype == dtype
    assert torch.equal(output, expected.to(dtype))
    for x, grad in zip(inputs, torch.autograd.grad(output.sum(), inputs)):
        assert grad.dtype == dtype and grad.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_without_gradients_bags_sum_low_precision_as_it_is(dtype):
    value, *others = random_attention_inputs(dtype=torch.float32)
    value = value.to(dtype)
    output = ms_deform_attn(value, SHAPES, *others, 'embedding_bag')
    expected = ms_deform_attn(value.float(), SHAPES, *others, 'embedding_bag')
    assert output.dtype == dtype
    # each of the four corners' weights and sums is rounded
    tolerance = 4 * torch.finfo(dtype).eps * expected.abs().max().item()
    torch.testing.assert_close(
        output.float(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
def test_no_queries(impl):
    inputs = random_attention_inputs(num_queries=0)
    output = ms_deform_attn(inputs[0], SHAPES, *inputs[1:], impl)
    assert output.shape == (2, 0, 12)
    for x, grad in zip(inputs, torch.autograd.grad(output.sum(), inputs)):
        assert torch.equal(grad, torch.zeros_like(x))


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('counts', [(3, 1), (0, 4), (0, 0)])
def test_concatenated_queries_equal_images_one_by_one(impl, counts):
    value, locations, weights = random_attention_inputs(num_queries=4)
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
    inputs = random_attention_inputs(((3, 4), ),
                                     1,
                                     1,
                                     num_heads=1,
                                     num_points=1)
    before = [x.detach().clone() for x in inputs]
    ms_deform_attn(inputs[0], ((3, 4), ), *inputs[1:], impl).sum().backward()
    for x, y in zip(inputs, before):
        assert torch.equal(x, y)


def test_the_value_decides_the_type():
    value, locations, weights = random_attention_inputs()
    output = ms_deform_attn(value.float(), SHAPES, locations, weights)
    assert output.dtype == torch.float32
    torch.testing.assert_close(
        output,
        ms_deform_attn(value, SHAPES, locations, weights).float())


def test_auto_on_the_cpu_is_the_embedding_bag():
    value, locations, weights = random_attention_inputs(dtype=torch.float32)
    output = ms_deform_attn(value, SHAPES, locations, weights)
    assert torch.equal(
        output,
        ms_deform_attn(value, SHAPES, locations, weights, 'embedding_bag'))


def test_missing_kernel_is_replaced_with_one_warning():
    functional._warn_once.cache_clear()
    value, locations, weights = random_attention_inputs()
    with pytest.warns(UserWarning, match="no mmcv kernel for device 'cpu'"):
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
    value, locations, weights = random_attention_inputs()
    arguments = dict(
        value=value,
        spatial_shapes=SHAPES,
        sampling_locations=locations,
        attention_weights=weights)
    with pytest.raises(ValueError, match=message):
        ms_deform_attn(**{**arguments, **case})


@pytest.mark.parametrize('mmcv, triton, dtype, expected', [
    (True, True, torch.float32, 'mmcv'),
    (True, True, torch.float64, 'mmcv'),
    (False, True, torch.float32, 'triton'),
    (False, True, torch.float64, 'grid_sample'),
])
def test_choice_on_cuda(monkeypatch, mmcv, triton, dtype, expected):
    monkeypatch.setattr(mmcv_operator, 'is_available', lambda device: mmcv)
    monkeypatch.setattr(functional, 'has_triton', lambda device: triton)
    device = torch.device('cuda')
    assert functional.choose('auto', device, dtype) == expected


@pytest.mark.parametrize('impl', ['auto', 'mmcv', 'triton'])
def test_choice_on_cuda_without_kernels(monkeypatch, impl):
    functional._warn_once.cache_clear()
    monkeypatch.setattr(mmcv_operator, 'is_available', lambda device: False)
    monkeypatch.setattr(functional, 'has_triton', lambda device: False)
    for times in (1, 0):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            assert functional.choose(impl, torch.device('cuda'),
                                     torch.float32) == 'grid_sample'
        assert len(caught) == times


def available_on_cuda(impl, is_available):
    there = torch.cuda.is_available() and is_available(torch.device('cuda'))
    return pytest.param(
        impl, marks=pytest.mark.skipif(not there, reason=f'no {impl} kernel'))


CUDA_IMPLEMENTATIONS = [
    'auto', *CPU_IMPLEMENTATIONS,
    available_on_cuda('mmcv', mmcv_operator.is_available),
    available_on_cuda('triton', functional.has_triton)
]


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('impl', CUDA_IMPLEMENTATIONS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('shapes, num_queries, dim', [
    (SHAPES, 7, 4),
    (SHAPES, 0, 4),
    (THIN_SHAPES, 60, 5),
    (((100, 133), (50, 67), (25, 34), (13, 17)), 900, 32),
])
def test_cuda_equals_cpu(impl, dtype, shapes, num_queries, dim):
    inputs = random_attention_inputs(
        shapes, 3, num_queries, dim=dim, dtype=dtype)
    expected = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w), inputs)
    found = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, shapes, x, w, impl),
        [x.detach().cuda().requires_grad_() for x in inputs])
    for mine, theirs in zip(found, expected):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('impl', CUDA_IMPLEMENTATIONS)
def test_concatenated_queries_on_cuda(impl):
    counts = (3, 0, 4)
    value = random_attention_inputs(bs=3, dtype=torch.float32)[0]
    inputs = [value, *random_attention_inputs(bs=1, dtype=torch.float32)[1:]]
    expected = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, SHAPES, x, w, query_counts=counts),
        inputs)
    found = output_and_gradients(
        lambda v, x, w: ms_deform_attn(v, SHAPES, x, w, impl, counts),
        [x.detach().cuda().requires_grad_() for x in inputs])
    for mine, theirs in zip(found, expected):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-5, atol=1e-5)
