import pytest
import torch
from mmcv.ops import MultiScaleDeformableAttention

from mmhqnet.ops import MSDeformAttention
from mmhqnet.registry import MODELS

SHAPES = ((6, 9), (3, 5), (2, 2))
NUM_TOKENS = 73
CPU_IMPLEMENTATIONS = ('embedding_bag', 'grid_sample')
LAYER = dict(embed_dims=16, num_heads=4, num_levels=3, num_points=2)


def randomise(layer):
    """Parameters as after training: all samples differ."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(
                torch.randn(parameter.shape, generator=generator) * 0.3)
    return layer


def layer_inputs(reference_dim=2, num_queries=5, bs=2):
    generator = torch.Generator().manual_seed(2)

    def rand(*size):
        return torch.rand(*size, generator=generator)

    return dict(
        query=rand(bs, num_queries, 16),
        value=rand(bs, NUM_TOKENS, 16),
        query_pos=rand(bs, num_queries, 16),
        reference_points=rand(bs, num_queries, len(SHAPES), reference_dim),
        key_padding_mask=rand(bs, NUM_TOKENS) < 0.2,
        spatial_shapes=torch.tensor(SHAPES),
        level_start_index=torch.tensor([0, 54, 69]))


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
@pytest.mark.parametrize('reference_dim', [2, 4])
@pytest.mark.parametrize('batch_first', [True, False])
@pytest.mark.parametrize('ratio', [1.0, 0.5])
def test_layer_equals_mmcv(impl, reference_dim, batch_first, ratio):
    config = dict(
        LAYER, batch_first=batch_first, value_proj_ratio=ratio, dropout=0.)
    theirs = randomise(MultiScaleDeformableAttention(**config))
    ours = MSDeformAttention(**config, impl=impl)
    ours.load_state_dict(theirs.state_dict())
    inputs = layer_inputs(reference_dim)
    if not batch_first:
        for key in ('query', 'value', 'query_pos'):
            inputs[key] = inputs[key].transpose(0, 1)
    inputs['identity'] = inputs['query'] * 2
    torch.testing.assert_close(
        ours(**inputs), theirs(**inputs), rtol=1e-5, atol=1e-5)


def test_layer_starts_like_mmcv():
    torch.manual_seed(0)
    theirs = MultiScaleDeformableAttention(**LAYER).state_dict()
    torch.manual_seed(0)
    ours = MODELS.build(dict(type='MSDeformAttention', **LAYER)).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_mmdet_finds_the_layer_to_initialise_it():
    # mmdet's detectors look for mmcv's class after their own initialisation
    layer = MSDeformAttention(**LAYER)
    assert isinstance(layer, MultiScaleDeformableAttention)


def test_shapes_as_list_or_tensor():
    layer = randomise(MSDeformAttention(**LAYER, batch_first=True)).eval()
    inputs = layer_inputs()
    expected = layer(**inputs)
    inputs.update(spatial_shapes=list(SHAPES), level_start_index=None)
    assert torch.equal(layer(**inputs), expected)


def test_value_projected_once():
    layer = randomise(MSDeformAttention(**LAYER, batch_first=True)).eval()
    inputs = layer_inputs()
    expected = layer(**inputs)
    projected = layer.project_value(
        inputs.pop('value'), inputs.pop('key_padding_mask'))
    assert projected.shape == (2, NUM_TOKENS, 4, 4)
    assert torch.equal(layer(projected_value=projected, **inputs), expected)


@pytest.mark.parametrize('impl', CPU_IMPLEMENTATIONS)
def test_layer_with_concatenated_queries(impl):
    layer = randomise(MSDeformAttention(**LAYER, batch_first=True,
                                        impl=impl)).eval()
    inputs = layer_inputs(4)
    counts = (5, 2)
    expected = layer(**inputs)
    for key in ('query', 'query_pos', 'reference_points'):
        inputs[key] = torch.cat(
            [x[:count] for x, count in zip(inputs[key], counts)])[None]
    torch.testing.assert_close(
        layer(**inputs, query_counts=counts)[0],
        torch.cat([x[:count] for x, count in zip(expected, counts)]))


def test_layer_trains_under_bfloat16_autocast():
    layer = randomise(MSDeformAttention(**LAYER, batch_first=True))
    layer.dropout.p = 0.
    inputs = layer_inputs()
    expected = layer(**inputs)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = layer(**inputs)
    torch.testing.assert_close(output, expected, rtol=0.05, atol=0.05)
    output.sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_layer_without_queries_keeps_its_parameters_in_the_graph():
    layer = MSDeformAttention(**LAYER, batch_first=True)
    layer(**layer_inputs(num_queries=0)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert torch.equal(parameter.grad, torch.zeros_like(parameter)), name


class Exportable(torch.nn.Module):

    def __init__(self):
        super().__init__()
        self.layer = randomise(MSDeformAttention(**LAYER, batch_first=True))

    def forward(self, query, value, reference_points):
        return self.layer(
            query,
            value=value,
            reference_points=reference_points,
            spatial_shapes=SHAPES)


def test_exported_layer_has_only_common_operators():
    model = Exportable().eval()
    inputs = layer_inputs()
    inputs = [inputs[key] for key in ('query', 'value', 'reference_points')]
    with torch.no_grad():
        expected = model(*inputs)
        traced = torch.jit.trace(model, inputs)
        torch.testing.assert_close(traced(*inputs), expected)
    graph = str(traced.inlined_graph)
    assert 'aten::grid_sampler' in graph
    assert 'PythonOp' not in graph and 'embedding_bag' not in graph

    exported = torch.export.export(model, tuple(inputs))
    torch.testing.assert_close(exported.module()(*inputs), expected)
    assert 'embedding_bag' not in str(exported.graph)
    # nothing made while exporting stays behind
    torch.testing.assert_close(model(*inputs), expected)


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_cuda_autocast_samples_in_float32(dtype):
    layer = randomise(MSDeformAttention(**LAYER, batch_first=True)).cuda()
    layer.eval()
    inputs = {key: value.cuda() for key, value in layer_inputs().items()}
    expected = layer(**inputs)
    with torch.autocast('cuda', dtype=dtype):
        output = layer(**inputs)
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.05)
    output.sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())
