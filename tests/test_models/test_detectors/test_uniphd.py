import pytest
import torch
from mmengine.registry import init_default_scope

from mmhqnet.errors import InputError
from mmhqnet.structures import Box, Point, Scribble, Text
from mmhqnet.testing import (build_model, make_images, make_sample,
                             tiny_uniphd_config)

PROMPTS = (Text('the woman on the left'), Point(30, 20),
           Scribble([[10, 10], [20, 30], [40, 40]]))


def sample_with(prompt, seed=0, **kwargs):
    sample = make_sample(1, img_shape=(64, 96), seed=seed, **kwargs)
    sample.prompt = prompt
    return sample


@pytest.fixture(scope='module')
def model():
    init_default_scope('mmdet')
    return build_model(tiny_uniphd_config())


def losses_of(model, samples):
    model.train()
    losses = model.loss(make_images(samples), samples)
    return losses, sum(losses.values())


def gradients(model, samples):
    model.zero_grad()
    losses_of(model, samples)[1].backward()
    return {
        name: None if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


@pytest.mark.parametrize('prompt', PROMPTS, ids=lambda prompt: prompt.kind)
def test_a_batch_of_one_kind_leaves_no_parameter_without_gradient(
        model, prompt):
    grads = gradients(model, [sample_with(prompt)])
    assert not [name for name, grad in grads.items() if grad is None]
    used = ('point', 'word')[prompt.kind == 'text']
    unused = ('word', 'point')[prompt.kind == 'text']
    assert grads[f'prompt_encoder.{used}_proj.fc.weight'].any()
    assert not grads[f'prompt_encoder.{unused}_proj.fc.weight'].any()
    assert grads['text_encoder.embedding.weight'].any() == (
        prompt.kind == 'text')


def test_an_image_without_person_gives_finite_losses_and_all_gradients(model):
    empty = make_sample(0, img_shape=(64, 96))
    empty.prompt = PROMPTS[1]
    losses, total = losses_of(model, [empty])
    assert torch.isfinite(total)
    assert losses['loss_visibility'] == losses['loss_mask'] == 0
    assert not [
        name
        for name, grad in gradients(model, [empty]).items() if grad is None
    ]


def test_losses_have_the_names_of_the_contract(model):
    losses, _ = losses_of(model, [sample_with(PROMPTS[0])])
    layer = {
        f'loss_{name}'
        for name in ('cls', 'bbox', 'iou', 'kpt', 'oks', 'visibility', 'mask',
                     'dice', 'mask_low', 'dice_low', 'gender', 'age')
    }
    assert losses.keys() == layer | {
        f'd0.{name}'
        for name in layer
    } | {'enc_loss_cls', 'enc_loss_kpt', 'enc_loss_oks'}


def test_mixed_kinds_give_what_each_kind_gives_alone(model):
    model.eval()
    samples = [
        sample_with(prompt, seed) for seed, prompt in enumerate(PROMPTS)
    ]
    images = make_images(samples)
    with torch.no_grad():
        together = model.predict(images, samples)
        for image, sample, expected in zip(images, samples, together):
            expected = expected.pred_instances
            alone, = model.predict(image[None], [sample])
            for field in ('bboxes', 'scores', 'keypoints', 'masks', 'genders',
                          'ages'):
                torch.testing.assert_close(alone.pred_instances[field],
                                           expected[field])


def test_results_are_all_groups_in_pixels_of_the_photo(model):
    model.eval()
    sample = sample_with(PROMPTS[0], ori_shape=(128, 192))
    with torch.no_grad():
        result, = model.predict(make_images([sample]), [sample])
    result = result.pred_instances
    assert result.masks.shape == (6, 128, 192)
    assert result.masks.dtype == torch.bool
    assert result.keypoints.shape == (6, 17, 2)
    assert (result.keypoints >= 0).all()
    assert (result.keypoints <= torch.tensor([192, 128])).all()
    model.bbox_head.test_cfg = dict(max_per_img=1)
    with torch.no_grad():
        best, = model.predict(make_images([sample]), [sample])
    model.bbox_head.test_cfg = {}
    torch.testing.assert_close(best.pred_instances.bboxes, result.bboxes[:1])


def test_mixed_precision_is_nearly_the_same():
    model = build_model(tiny_uniphd_config(), dtype=torch.float32)
    samples = [
        sample_with(prompt, seed, dtype=torch.float32)
        for seed, prompt in enumerate(PROMPTS)
    ]
    images = make_images(samples, dtype=torch.float32)
    losses = []
    for enabled in (False, True):
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            total = sum(model.train().loss(images, samples).values())
        assert total.dtype == torch.float32
        losses.append(total.item())
    total.backward()
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_the_skeleton_learns(model):
    grads = gradients(model, [sample_with(PROMPTS[0])])
    adjacency = grads['decoder.layers.0.within_attn.adjacency']
    assert adjacency.shape == (4, 18, 18)
    assert adjacency.any()


def test_padding_is_never_selected(model):
    model.eval()
    sample = sample_with(PROMPTS[1], canvas=(128, 192))
    with torch.no_grad():
        inputs = model.forward_transformer(
            model.extract_feat(make_images([sample])), [sample])
    assert (inputs['references'][0] < 0.999).all()


@pytest.mark.parametrize('prompt', [None, Box(1, 2, 3, 4)])
def test_prompts_it_does_not_know_are_refused(model, prompt):
    sample = make_sample(1)
    if prompt is not None:
        sample.prompt = prompt
    with pytest.raises(InputError, match='Text, Point or Scribble'):
        model.read_prompts([sample])


def test_features_of_other_kinds_are_refused(model):
    sample = sample_with(PROMPTS[1])
    feats = model.extract_feat(make_images([sample]))
    prompt = dict(kind='box', points=torch.zeros(1, 2, 2))
    with pytest.raises(InputError, match='box'):
        model.decode(feats, prompt, [sample])


def test_a_canvas_that_masks_do_not_fit_is_refused(model):
    sample = sample_with(PROMPTS[1], canvas=(72, 104))
    feats = model.extract_feat(make_images([sample]))
    with pytest.raises(InputError, match='pad_size_divisor'):
        model.forward_transformer(feats, [sample])


def test_a_small_image_has_fewer_groups(model):
    model.eval()
    sample = make_sample(1, img_shape=(16, 16))
    sample.prompt = PROMPTS[1]
    with torch.no_grad():
        result, = model.predict(make_images([sample]), [sample])
    assert len(result.pred_instances) == 6  # 4 + 1 + 1 + 1 tokens
    model.num_queries = 20
    with torch.no_grad():
        result, = model.predict(make_images([sample]), [sample])
    model.num_queries = 6
    assert len(result.pred_instances) == 7
    assert torch.isfinite(result.pred_instances.keypoints).all()


def test_text_without_text_encoder_is_refused():
    model = build_model(dict(tiny_uniphd_config(), text_encoder=None))
    with pytest.raises(InputError, match='text_encoder'):
        model.read_prompts([sample_with(PROMPTS[0])])


def test_positions_may_stay_out_of_the_residual():
    config = tiny_uniphd_config()
    config['decoder']['layer_cfg']['position_in_residual'] = False
    ours, released = build_model(config), build_model(tiny_uniphd_config())
    ours.load_state_dict(released.state_dict())
    sample = sample_with(PROMPTS[0])
    outputs = [
        model.eval().forward_transformer(
            model.extract_feat(make_images([sample])), [sample])
        for model in (ours, released)
    ]
    first, second = (output['hidden_states'] for output in outputs)
    assert not torch.allclose(first, second)


def test_pixels_that_know_their_places_leave_no_parameter_behind():
    config = tiny_uniphd_config()
    config['fusion']['selective'] = True
    model = build_model(config)
    grads = gradients(model, [sample_with(prompt) for prompt in PROMPTS])
    assert all(grad is not None for grad in grads.values())
