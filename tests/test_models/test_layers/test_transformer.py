import pytest
import torch
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmdet.models.layers import (DeformableDetrTransformerEncoder,
                                 DinoTransformerDecoder)
from torch import nn

from mmhqnet.models.layers import (DecoderLayer, HQNetDecoder, HQNetEncoder,
                                   init_transformer)
from mmhqnet.models.layers.transformer import CHUNK, TokenFeedForward
from mmhqnet.ops import MSDeformAttention


def coder_cfg(dims, layers=2):
    attention = dict(embed_dims=dims, dropout=0.0)
    ffn = dict(embed_dims=dims, feedforward_channels=48, ffn_drop=0.0)
    encoder = dict(
        num_layers=layers,
        layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn))
    decoder = dict(
        num_layers=layers,
        return_intermediate=True,
        post_norm_cfg=None,
        layer_cfg=dict(
            self_attn_cfg=dict(attention, num_heads=8),
            cross_attn_cfg=attention,
            ffn_cfg=ffn))
    return encoder, decoder


@pytest.fixture(params=[(64, 96), (48, 70)], ids=['full', 'padded'])
def encoded(request, make_sample, make_encoded):
    samples = [
        make_sample(img_shape=shape, canvas=(64, 96))
        for shape in ((64, 96), request.param)
    ]
    return lambda dims: make_encoded(samples, embed_dims=dims)


def test_encoder_is_mmdets(encoded, randomise):
    cfg, _ = coder_cfg(32)
    theirs = randomise(DeformableDetrTransformerEncoder(**cfg).double())
    ours = HQNetEncoder(**cfg).double()
    ours.load_state_dict(theirs.state_dict())
    images = encoded(32)
    inputs = dict(
        query=images.memory,
        query_pos=images.memory_pos,
        key_padding_mask=images.memory_mask,
        level_start_index=images.level_start_index,
        valid_ratios=images.valid_ratios)
    expected = theirs(
        spatial_shapes=torch.tensor(images.spatial_shapes), **inputs)
    memory = ours(spatial_shapes=images.spatial_shapes, **inputs)
    torch.testing.assert_close(memory, expected, rtol=1e-9, atol=1e-9)


def decode(decoder, images, reference_points, reg_branches, shapes, mask=None):
    bs, num_queries, _ = reference_points.shape
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(
        bs, num_queries, decoder.embed_dims, generator=generator)
    return decoder(
        query=query.double(),
        value=images.memory,
        key_padding_mask=images.memory_mask,
        self_attn_mask=mask,
        reference_points=reference_points,
        spatial_shapes=shapes,
        level_start_index=images.level_start_index,
        valid_ratios=images.valid_ratios,
        reg_branches=reg_branches)


def reg_branches(dims, layers=2):
    torch.manual_seed(0)
    return nn.ModuleList(nn.Linear(dims, 4) for _ in range(layers)).double()


def test_decoder_is_mmdets(encoded, randomise):
    """With 256 channels, the only width of mmdet's."""
    _, cfg = coder_cfg(256)
    theirs = randomise(DinoTransformerDecoder(**cfg).double())
    ours = HQNetDecoder(**cfg).double()
    ours.load_state_dict(theirs.state_dict())
    images, branches = encoded(256), reg_branches(256)
    references = torch.rand(2, 7, 4).double()
    mask = torch.rand(7, 7) < 0.2
    mask.fill_diagonal_(False)
    states, inter_references = decode(ours, images, references, branches,
                                      images.spatial_shapes, mask)
    expected_states, expected = decode(theirs, images, references, branches,
                                       torch.tensor(images.spatial_shapes),
                                       mask)
    torch.testing.assert_close(states, expected_states, rtol=1e-9, atol=1e-9)
    # Ours are the references that the layers started from.
    assert inter_references[0].equal(references)
    assert len(inter_references) == 2
    torch.testing.assert_close(
        inter_references[1], expected[1], rtol=1e-9, atol=1e-9)


def test_look_forward_twice(encoded, randomise):
    """A layer's reference trains the box branch that made it, no earlier."""
    _, cfg = coder_cfg(32, layers=3)
    decoder = randomise(HQNetDecoder(**cfg).double())
    images, branches = encoded(32), reg_branches(32, 3)
    first = torch.rand(2, 7, 4).double()
    _, references = decode(decoder, images, first, branches,
                           images.spatial_shapes)
    assert len(references) == 3
    references[2].sum().backward()
    assert branches[0].weight.grad is None
    assert branches[1].weight.grad.any()
    assert branches[2].weight.grad is None


def test_initial_weights():
    torch.manual_seed(0)
    encoder = HQNetEncoder(**coder_cfg(32)[0])
    init_transformer(encoder)
    attention = encoder.layers[1].self_attn
    fresh = MSDeformAttention(embed_dims=32)
    # The directions in which a new attention looks, and no weights.
    assert not attention.sampling_offsets.weight.any()
    assert attention.sampling_offsets.bias.equal(fresh.sampling_offsets.bias)
    assert not attention.attention_weights.weight.any()
    ffn = encoder.layers[1].ffn.layers[1].weight
    bound = (6 / (32 + 48))**0.5
    assert 0.95 * bound < ffn.abs().max() <= bound


def encode_and_learn(num_cp, images):
    """Memory, gradients, and how many numbers autograd keeps for them."""
    torch.manual_seed(0)
    cfg, _ = coder_cfg(32, layers=3)
    cfg['layer_cfg']['ffn_cfg']['ffn_drop'] = 0.1
    encoder = HQNetEncoder(**cfg, num_cp=num_cp).double().train()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
            lambda x: kept.append(x.numel()) or x, lambda x: x):
        memory = encoder(
            query=images.memory,
            query_pos=images.memory_pos,
            key_padding_mask=images.memory_mask,
            spatial_shapes=images.spatial_shapes,
            level_start_index=images.level_start_index,
            valid_ratios=images.valid_ratios)
    memory.square().sum().backward()
    gradients = {
        name: parameter.grad
        for name, parameter in encoder.named_parameters()
    }
    return memory, gradients, sum(kept)


def test_activation_checkpointing(encoded):
    """The first layers keep their inputs alone; dropout is the same."""
    images = encoded(32)
    memory, gradients, kept = encode_and_learn(-1, images)
    sizes = []
    for num_cp in (1, 3):
        other, others, size = encode_and_learn(num_cp, images)
        assert other.equal(memory) and others.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(others[name], gradient, msg=name)
        sizes.append(size)
    assert sizes[0] < 0.75 * kept
    assert sizes[1] < 0.1 * kept


def test_encoder_without_layers(encoded):
    """What the neck gives is the memory."""
    encoder = HQNetEncoder(**coder_cfg(32, layers=0)[0])
    assert encoder.embed_dims == 32
    images = encoded(32)
    memory = encoder(
        query=images.memory,
        query_pos=images.memory_pos,
        key_padding_mask=images.memory_mask,
        spatial_shapes=images.spatial_shapes,
        level_start_index=images.level_start_index,
        valid_ratios=images.valid_ratios)
    assert memory.equal(images.memory)


def test_dropout_is_a_layers_own():
    """mmcv keeps what one layer says as the default of all later ones."""
    attention = dict(embed_dims=32, num_heads=8)
    default = MultiheadAttention(**attention).dropout_layer.p
    cfg = dict(cross_attn_cfg=dict(embed_dims=32), ffn_cfg=dict(embed_dims=32))
    for dropout in (0.0, 0.3):
        layer = DecoderLayer(
            self_attn_cfg=dict(attention, dropout=dropout), **cfg)
        assert layer.self_attn.dropout_layer.p == dropout
        assert layer.self_attn.attn.dropout == dropout
    assert MultiheadAttention(**attention).dropout_layer.p == default
    layer = DecoderLayer(self_attn_cfg=attention, **cfg)
    assert layer.self_attn.dropout_layer.p == 0


@pytest.mark.parametrize('num_tokens', [0, 1, CHUNK, 2 * CHUNK + 3])
def test_tokens_part_by_part(num_tokens, randomise):
    """Predicting, no more tokens are expanded at a time than a chunk has."""
    sizes = dict(embed_dims=8, feedforward_channels=16, ffn_drop=0.0)
    ours = randomise(TokenFeedForward(**sizes).double())
    theirs = FFN(**sizes).double()
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randn(2, num_tokens, 8, dtype=torch.float64)
    expanded = []
    ours.layers[0].register_forward_hook(
        lambda module, inputs, output: expanded.append(len(output)))
    with torch.no_grad():
        found = ours(tokens)
    torch.testing.assert_close(found, theirs(tokens), rtol=1e-12, atol=1e-12)
    assert max(expanded) <= CHUNK and sum(expanded) == 2 * num_tokens
    # with gradients all at once, as mmcv's
    assert ours(tokens).requires_grad
    assert expanded[-1] == 2
