"""The way through the network: box-only HQNet is DINO, and what is added."""
import copy

import pytest
import torch
from mmdet.models.detectors import DINO
from mmdet.models.layers import inverse_sigmoid

from mmhqnet.errors import InputError
from mmhqnet.models.detectors import HQNet
from mmhqnet.registry import MODELS

SHAPES = dict(full=[(64, 96), (64, 96)], padded=[(64, 96), (48, 80)])


@pytest.fixture
def float64_default():
    """mmdet's denoising makes tensors of the default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def box_only(tiny_config):
    """Config of a HQNet without tasks.

    mmdet's decoder has 256 channels only. Small noise on the denoising boxes
    keeps all references away from the border of the image: nearer than 1e-3,
    mmdet's head and ours differ.
    """
    cfg = tiny_config(tasks=(), num_queries=6, embed_dims=256)
    cfg['dn_cfg']['box_noise_scale'] = 0.2
    cfg['test_cfg'] = dict(max_per_img=6)
    return cfg


@pytest.fixture
def hqnet(box_only, build_model):
    model = build_model(box_only, std=0.02)
    with torch.no_grad():
        # Padding, whose references are at the border, is never selected.
        nothing = model.memory_trans_norm(model.memory_trans_fc.bias)
        model.bbox_head.cls_branches[-1].weight -= nothing / 10
    return model


@pytest.fixture
def dino(box_only, hqnet):
    """mmdet's DINO with the same weights."""
    cfg = copy.deepcopy(box_only)
    cfg['type'] = 'DINO'
    del cfg['pixel_embedding'], cfg['bbox_head']['task_heads']
    cfg['bbox_head']['type'] = 'DINOHead'
    cfg['train_cfg']['assigner']['type'] = 'HungarianAssigner'
    # DINO starts at stride 8.
    cfg['backbone']['out_indices'] = (1, 2, 3)
    cfg['neck'].update(in_channels=[16, 32, 64], num_outs=4)
    model = MODELS.build(cfg).double()
    assert type(model) is DINO
    state = {
        # The neck of HQNet has one more convolution, for stride 4.
        key.replace(f'neck.convs.{i}.', f'neck.convs.{i - 1}.'):
        value
        for key, value in hqnet.state_dict().items()
        for i in [int(key.split('.')[2]) if 'neck.convs' in key else 0]
        if not key.startswith('neck.convs.0.')
    }
    model.load_state_dict(state)
    return model


@pytest.fixture(params=SHAPES)
def batch(request, make_sample, make_images):
    samples = [
        make_sample(num, shape, canvas=(64, 96), seed=seed)
        for seed, (num,
                   shape) in enumerate(zip((2, 3), SHAPES[request.param]))
    ]
    return make_images(samples), samples


def decode(model, images, samples):
    return model.forward_transformer(model.extract_feat(images), samples)


def away_from_border(references):
    return all(((ref > 1e-3) & (ref < 1 - 1e-3)).all() for ref in references)


# mmdet rounds logarithms of the encoder's proposals to float32.
CLOSE = dict(rtol=1e-6, atol=1e-6)


def test_box_only_forward_is_dino(hqnet, dino, batch):
    hqnet.eval(), dino.eval()
    with torch.no_grad():
        ours, theirs = decode(hqnet, *batch), decode(dino, *batch)
        outputs = hqnet.bbox_head(ours['hidden_states'], ours['references'])
        cls_scores, bboxes = dino.bbox_head(**theirs)
    assert away_from_border(ours['references'])
    torch.testing.assert_close(ours['hidden_states'], theirs['hidden_states'],
                               **CLOSE)
    # The last of mmdet's references is read by nobody.
    assert len(ours['references']) == len(theirs['references']) - 1 == 2
    for our, their in zip(ours['references'], theirs['references']):
        torch.testing.assert_close(our, their, **CLOSE)
    for layer, output in enumerate(outputs):
        assert output.keys() == {'box'}
        torch.testing.assert_close(output['box']['cls_scores'],
                                   cls_scores[layer], **CLOSE)
        torch.testing.assert_close(output['box']['bboxes'], bboxes[layer],
                                   **CLOSE)


@pytest.mark.parametrize('rescale', [True, False])
def test_box_only_predictions_are_dinos(hqnet, dino, batch, rescale):
    images, samples = batch
    for sample in samples:
        sample.set_metainfo(dict(scale_factor=(0.5, 0.25)))
    hqnet.eval(), dino.eval()
    with torch.no_grad():
        ours = hqnet.predict(images, copy.deepcopy(samples), rescale)
        theirs = dino.predict(images, copy.deepcopy(samples), rescale)
    for our, their in zip(ours, theirs):
        assert set(our.pred_instances.keys()) == set(
            their.pred_instances.keys()) == {'bboxes', 'scores', 'labels'}
        for field, expected in their.pred_instances.items():
            torch.testing.assert_close(our.pred_instances[field], expected,
                                       **CLOSE)


def test_box_only_losses_are_dinos(hqnet, dino, batch, float64_default):
    """All losses and gradients; the denoising draws the same numbers."""
    images, samples = batch
    losses = []
    for model in (hqnet, dino):
        model.train()
        torch.manual_seed(5)
        losses.append(model.loss(images, copy.deepcopy(samples)))
        sum(losses[-1].values()).backward()
    ours, theirs = losses
    assert ours.keys() == theirs.keys() and 'd0.dn_loss_iou' in ours
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[name], expected.squeeze(), **CLOSE)
    gradients = dict(hqnet.named_parameters())
    for name, parameter in dino.named_parameters():
        if parameter.requires_grad and 'neck.convs' not in name:
            torch.testing.assert_close(gradients[name].grad, parameter.grad,
                                       **CLOSE)


def test_head_stops_references_at_one_in_a_thousand(hqnet):
    """The one difference to mmdet's head, whose limit is 1e-5."""
    references = torch.tensor([[[1e-4, 0.5, 0.9999, 1.]]]).double()
    query = torch.randn(1, 1, 1, 256).double()
    output, = hqnet.bbox_head(query, [references])
    offset = hqnet.bbox_head.reg_branches[0](query[0])
    expected = (offset + inverse_sigmoid(references, eps=1e-3)).sigmoid()
    assert output['box']['bboxes'].equal(expected)
    assert not expected.allclose(
        (offset + inverse_sigmoid(references)).sigmoid(), atol=1e-5)


@pytest.mark.parametrize('padded', [True, False])
def test_proposals_are_mmdets(hqnet, make_encoded, make_sample, padded):
    samples = [
        make_sample(img_shape=shape, canvas=(72, 416))
        for shape in ([(72, 416), (40, 300)] if padded else [(72, 416)])
    ]
    encoded = make_encoded(samples, embed_dims=256)
    args = (encoded.memory, encoded.memory_mask)
    memory, proposals = hqnet.gen_encoder_output_proposals(
        *args, encoded.spatial_shapes)
    expected_memory, expected = DINO.gen_encoder_output_proposals(
        hqnet, *args, torch.tensor(encoded.spatial_shapes))
    valid = expected.isfinite().all(-1)
    assert valid.any() and not valid.all()
    assert proposals.isinf().equal(expected.isinf())
    torch.testing.assert_close(
        proposals[valid], expected[valid], rtol=1e-5, atol=1e-5)
    assert memory.equal(expected_memory)
    assert proposals.dtype == torch.float32


def test_proposals_do_not_depend_on_the_default_type(hqnet, make_encoded,
                                                     make_sample):
    encoded = make_encoded([make_sample(img_shape=(56, 88), canvas=(64, 96))],
                           embed_dims=256)
    args = (encoded.memory, encoded.memory_mask, encoded.spatial_shapes)
    expected = hqnet.gen_encoder_output_proposals(*args)
    torch.set_default_dtype(torch.float64)
    try:
        proposals = hqnet.gen_encoder_output_proposals(*args)
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(a.equal(b) for a, b in zip(proposals, expected))


def test_selecting_first_is_branches_on_all_tokens(build_model, make_sample,
                                                   make_encoded):
    """Naive: all branches on all tokens, then the best of them."""
    model = build_model()
    samples = [
        make_sample(seed=seed, img_shape=shape, canvas=(64, 96))
        for seed, shape in enumerate(((64, 96), (48, 80)))
    ]
    encoded = make_encoded(samples)
    model.train()
    args = (encoded.memory, encoded.memory_mask, encoded.spatial_shapes)
    decoder_inputs, head_inputs = model.pre_decoder(
        *args, batch_data_samples=samples)
    tokens, proposals = model.gen_encoder_output_proposals(*args)
    everything = model.bbox_head.forward_layer(tokens, proposals, 2)
    best = everything['box']['cls_scores'][..., 0].argsort(
        1, descending=True)[:, :20]
    images = torch.arange(2)[:, None]
    assert set(head_inputs['enc_outputs']) == {
        'box', 'mask', 'pose', 'gender', 'age'
    }
    for task, outputs in head_inputs['enc_outputs'].items():
        for name, output in outputs.items():
            torch.testing.assert_close(
                output, everything[task][name][images, best], msg=name)
    # The decoder starts from the same boxes, behind the denoising ones.
    references = decoder_inputs['reference_points'][:, -20:]
    torch.testing.assert_close(references, everything['box']['bboxes'][images,
                                                                       best])
    assert not references.requires_grad
    # At test time only the boxes are needed.
    model.eval()
    test_inputs, head_inputs = model.pre_decoder(
        *args, batch_data_samples=samples)
    assert head_inputs == {}
    torch.testing.assert_close(test_inputs['reference_points'], references)
    assert test_inputs['query'].equal(
        model.query_embedding.weight.expand(2, -1, -1))


def test_pixel_embedding_reads_stride_4_and_stride_8(build_model, make_sample,
                                                     make_images):
    model = build_model().eval()
    sample = make_sample(img_shape=(50, 94))
    feats = model.extract_feat(make_images([sample]))
    assert [feat.shape[2:] for feat in feats] == [(13, 24), (7, 12), (4, 6),
                                                  (2, 3), (1, 2)]
    encoded = decode(model, make_images([sample]), [sample])['encoded']
    stride8 = encoded.memory[:, :7 * 12].transpose(1, 2).view(1, 32, 7, 12)
    assert encoded.pixel_embedding.shape == (1, 32, 13, 24)
    assert encoded.pixel_embedding.equal(
        model.pixel_embedding(feats[0], stride8))
    assert encoded.spatial_shapes == [(7, 12), (4, 6), (2, 3), (1, 2)]
    # The stride-4 map never enters the transformer.
    feats = (torch.zeros_like(feats[0]), *feats[1:])
    other = model.forward_transformer(feats, [sample])['encoded']
    assert other.memory.equal(encoded.memory)
    assert not other.pixel_embedding.equal(encoded.pixel_embedding)


def test_neck_without_stride_4_without_masks(tiny_config, build_model,
                                             make_sample, make_images):
    """A DINO neck is enough where no task reads the pixel embedding."""
    cfg = tiny_config(tasks=('pose', 'gender', 'age'))
    cfg['backbone']['out_indices'] = (1, 2, 3)
    cfg['neck'].update(in_channels=[16, 32, 64], num_outs=4)
    model = build_model(cfg)
    samples = [make_sample()]
    losses = model.train().loss(make_images(samples), samples)
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize('tasks', [(), ('mask', ), ('pose', 'age')])
def test_pixel_embedding_is_built_for_masks_only(tiny_config, build_model,
                                                 tasks):
    model = build_model(tiny_config(tasks=tasks))
    assert (model.pixel_embedding is not None) == ('mask' in tasks)
    assert any('pixel_embedding' in key
               for key in model.state_dict()) == ('mask' in tasks)


def test_masks_need_a_pixel_embedding(tiny_config):
    with pytest.raises(InputError, match='pixel_embedding is None'):
        MODELS.build(dict(tiny_config(), pixel_embedding=None))
    MODELS.build(dict(tiny_config(tasks=('pose', )), pixel_embedding=None))


def test_masks_need_stride_4(tiny_config, build_model, make_sample,
                             make_images):
    """A DINO neck would give them stride 8 without a word."""
    cfg = tiny_config()
    cfg['backbone']['out_indices'] = (1, 2, 3)
    cfg['neck'].update(in_channels=[16, 32, 64], num_outs=4)
    model = build_model(cfg)
    samples = [make_sample()]
    with pytest.raises(InputError, match='gives 4 maps, but there must be 5'):
        model.loss(make_images(samples), samples)


@pytest.mark.parametrize('backbone, message', [
    (dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
     'map 3 has the stride 16, but it must be 32'),
    (dict(out_indices=(1, 2, 3)), r'in_channels is \[8, 16, 32, 64\], but .* '
     r'gives maps of \[16, 32, 64\] channels'),
    (dict(base_channels=16), r'gives maps of \[16, 32, 64, 128\] channels'),
])
def test_backbones_that_do_not_fit_the_neck(tiny_config, build_model,
                                            make_sample, make_images, backbone,
                                            message):
    cfg = tiny_config()
    cfg['backbone'].update(backbone)
    model = build_model(cfg)
    samples = [make_sample(img_shape=(256, 256))]
    with pytest.raises(InputError, match='model.neck.*' + message):
        model.loss(make_images(samples), samples)


def test_config_is_good_for_two_models(tiny_config):
    cfg = tiny_config()
    before = copy.deepcopy(cfg)
    first, second = MODELS.build(cfg), MODELS.build(cfg)
    assert cfg == before
    assert isinstance(first, HQNet) and isinstance(second, HQNet)
    second.load_state_dict(first.state_dict())


def test_initial_weights(tiny_config):
    """The released code's start: see the comments."""
    torch.manual_seed(0)
    cfg = tiny_config(num_queries=200)
    model = MODELS.build(cfg)
    model.init_weights()
    # Content queries and levels from N(0, 1).
    for weight in (model.query_embedding.weight, model.level_embed):
        assert abs(weight.mean()) < 0.2 and abs(weight.std() - 1) < 0.2
    head = model.bbox_head
    tasks = head.task_heads
    last_layers = [branch[-1] for branch in head.reg_branches]
    last_layers += [branch[-1] for branch in tasks['pose'].kpt_branches]
    last_layers += [branch[-1] for branch in tasks['pose'].refine.branches]
    assert len(last_layers) == 3 + 3 + 2
    for layer in last_layers:  # every box and keypoint starts at its reference
        assert not layer.weight.any() and not layer.bias.any()
    priors = list(head.cls_branches)
    priors += [branch[-1] for branch in tasks['gender'].branches]
    priors += [branch[-1] for branch in tasks['age'].branches]
    for layer in priors:
        torch.testing.assert_close(layer.bias.sigmoid(),
                                   torch.full_like(layer.bias, 0.01))
    heatmap = tasks['pose'].heatmap.fc_hm
    torch.testing.assert_close(heatmap.bias.sigmoid(),
                               torch.full_like(heatmap.bias, 0.1))
    assert heatmap.weight.std() < 0.02
    # Deformable attention starts with a pattern of offsets, not at random.
    for coder in (model.encoder, model.decoder, tasks['pose'].refine,
                  tasks['pose'].heatmap.encoder):
        attention = getattr(coder.layers[0], 'cross_attn',
                            coder.layers[0].self_attn)
        assert not attention.sampling_offsets.weight.any()
        assert attention.sampling_offsets.bias.any()
        assert not attention.attention_weights.weight.any()


@pytest.mark.parametrize('num_queries', [150, 300])
def test_fewer_tokens_than_queries(tiny_config, build_model, make_sample,
                                   make_images, num_queries):
    """A small image has 128 tokens; each gets a query, the rest rests."""
    model = build_model(tiny_config(num_queries=num_queries))
    samples = [make_sample(seed=seed) for seed in range(2)]
    losses = model.train().loss(make_images(samples), copy.deepcopy(samples))
    total = sum(losses.values())
    assert total.isfinite()
    total.backward()
    learnt = model.query_embedding.weight.grad.any(1)
    assert learnt[:128].all() and not learnt[128:].any()
    model.eval()
    model.bbox_head.test_cfg['max_per_img'] = 300
    for result in model.predict(make_images(samples), samples):
        assert len(result.pred_instances) == 128
