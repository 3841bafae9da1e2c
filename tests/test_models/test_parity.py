"""The same numbers as the released code, in float64.

``tests/data/parity`` holds what the released code computes from deterministic
weights and inputs: for an image without padding, and for one that fills a part
of its canvas. The same weights, renamed by the converter, have to give the
same outputs, results, losses and gradients.
"""
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.models.dense_heads import DINOHead
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from numpy.testing import assert_allclose, assert_array_equal

import mmhqnet.models  # noqa: F401
from mmhqnet.checkpoints.official import official_layout
from mmhqnet.registry import MODELS
from mmhqnet.utils.checkpoint import convert_official

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/parity'
DETERMINISTIC = SimpleNamespace(
    **runpy.run_path(str(DATA / 'deterministic.py')))
# The released code divides float32 constants.
SIGMAS = np.float32([
    .26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87,
    .87, .89, .89
]) / np.float32(10)


@pytest.fixture(
    scope='module',
    params=['full_256x320_seed0', 'padded_240x290_in_256x320_seed20'])
def reference(request):
    with np.load(DATA / f'{request.param}.npz') as file:
        return dict(file)


@pytest.fixture(scope='module')
def model(reference):
    config = Config.fromfile(ROOT / 'configs/_base_/models/hqnet_r50.py').model
    config.backbone.init_cfg = None
    config.bbox_head.task_heads.pose.sigmas = SIGMAS.tolist()
    init_default_scope('mmdet')
    model = MODELS.build(config).double()
    shapes = json.loads((DATA / 'reference_keys.json').read_text())
    seed = reference['meta'][0]
    weights = {
        key: torch.as_tensor(DETERMINISTIC.weight(key, shape, seed))
        for key, shape in shapes.items()
    }
    model.load_state_dict(convert_official(weights), strict=True)
    # As in the reference: no dropout, also not inside of the attention.
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.
        elif isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.
    return model


@pytest.fixture(scope='module')
def image(reference):
    seed, height, width, valid_height, valid_width = reference['meta']
    image = torch.zeros(1, 3, height, width, dtype=torch.float64)
    image[0, :, :valid_height, :valid_width] = torch.from_numpy(
        DETERMINISTIC.image(valid_height, valid_width, seed))
    return image


@pytest.fixture(scope='module')
def sample(reference):
    _, height, width, *size = reference['meta'].tolist()
    sample = DetDataSample(
        metainfo=dict(
            img_shape=tuple(size),
            ori_shape=tuple(size),
            batch_input_shape=(height, width),
            scale_factor=(1., 1.)))
    gt = {
        key.removeprefix('gt_'): torch.from_numpy(value)
        for key, value in reference.items() if key.startswith('gt_')
    }
    poses = gt['keypoints'].unflatten(1, (17, 3))
    sample.gt_instances = InstanceData(
        # The released code stored them after dividing them in place.
        bboxes=gt['boxes'] * 8,
        labels=torch.zeros(5, dtype=torch.long),
        masks=BitmapMasks(unpack(gt['masks'], size[1]), *size),
        keypoints=poses[..., :2],
        keypoints_visible=poses[..., 2],
        areas=gt['areas'],
        genders=gt['attrs'][:, 0],
        ages=gt['attrs'][:, 1])
    return sample


def unpack(masks, width):
    return np.unpackbits(np.asarray(masks), axis=-1)[..., :width]


@pytest.fixture(scope='module')
def inference(model, image, sample):
    """What the decoder's layers put out, and the final result."""
    model.eval()
    with torch.no_grad():
        head_inputs = model.forward_transformer(
            model.extract_feat(image), [sample])
        layers = model.bbox_head(head_inputs['hidden_states'],
                                 head_inputs['references'])
        result, = model.bbox_head.predict(
            **head_inputs, batch_data_samples=[sample])
    return SimpleNamespace(
        layers=layers, encoded=head_inputs['encoded'], result=result)


@pytest.fixture(scope='module')
def training(model, image, sample):
    """Proposals, losses, and gradients of all losses but the denoising."""
    model.train()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, 'rand', draw)
        head_inputs = model.forward_transformer(
            model.extract_feat(image), [sample])
        losses = model.bbox_head.loss(
            **head_inputs, batch_data_samples=[sample])
    torch.stack([loss for name, loss in losses.items()
                 if 'dn_' not in name]).sum().backward()
    return SimpleNamespace(head_inputs=head_inputs, losses=losses)


def draw(*shape, **kwargs):
    """``torch.rand`` whose numbers depend on the shape alone."""
    return torch.from_numpy(DETERMINISTIC.uniform(*torch.Size(shape)))


def assert_equal(ours, reference, rtol):
    ours = ours.detach().numpy()
    assert ours.shape == reference.shape
    # Nothing but a zero may differ by a rounding error of the largest.
    assert_allclose(
        ours, reference, rtol=rtol, atol=1e-14 * np.abs(reference).max())


def attributes(outputs):
    """Logits of label 0 and of the ages, as the released code has them."""
    return torch.cat([-outputs['gender']['logits'], outputs['age']['logits']],
                     -1)


def fields(outputs):
    """Outputs of an image's queries under the names of the released code."""
    return dict(
        cls=outputs['box']['cls_scores'][0],
        box=outputs['box']['bboxes'][0],
        kpt_cls=outputs['pose']['kpt_cls'][0],
        kpt=outputs['pose']['keypoints'][0].flatten(1),
        attr=attributes(outputs)[0])


def draw_masks(outputs, encoded, number):
    return torch.einsum('nc,chw->nhw',
                        outputs['mask']['mask_embedding'][0, :number],
                        encoded.pixel_embedding[0])


def test_memory(inference, reference):
    assert_equal(inference.encoded.memory[0].mean(-1),
                 reference['raw_memory_mean'], 1e-5)


@pytest.mark.parametrize('field', ['cls', 'box', 'kpt_cls', 'kpt', 'attr'])
def test_outputs_of_every_layer(inference, reference, field):
    ours = torch.stack([fields(layer)[field] for layer in inference.layers])
    assert_equal(ours, reference[f'raw_{field}'], 1e-5)


@pytest.mark.parametrize('field', ['cls', 'box', 'kpt_cls', 'kpt', 'attr'])
def test_outputs_of_proposals(training, reference, field):
    ours = fields(training.head_inputs['enc_outputs'])[field]
    assert_equal(ours, reference[f'raw_enc_{field}'],
                 1e-7 if field == 'cls' else 1e-5)


def test_proposals_are_selected_in_the_same_order(training, reference):
    ours = fields(training.head_inputs['enc_outputs'])
    distance = sum(
        torch.cdist(ours[field],
                    torch.from_numpy(reference[f'raw_enc_{field}']).double())
        for field in ('cls', 'box', 'kpt'))
    assert_array_equal(distance.argmin(1), np.arange(300))


def test_mask_logits(inference, training, reference):
    assert_equal(
        draw_masks(inference.layers[-1], inference.encoded, 10),
        reference['raw_mask_last_first10'], 1e-5)
    assert_equal(
        draw_masks(training.head_inputs['enc_outputs'],
                   training.head_inputs['encoded'], 5),
        reference['raw_enc_mask_first5'], 1e-5)


@pytest.mark.parametrize('reference', ['full_256x320_seed0'], indirect=True)
def test_result(inference, reference):
    result = inference.result
    for field, name in (('bboxes', 'boxes'), ('scores', 'scores'),
                        ('ages', 'age'), ('keypoints', 'keypoints'),
                        ('mask_scores', 'mask_scores')):
        assert_equal(result[field], reference[f'det_{name}'], 1e-7)
    for confidence in result.keypoint_scores.T:
        assert_equal(confidence, reference['det_kpt_cls_score'], 1e-7)
    # There the logit is that of label 0.
    assert_array_equal(result.genders,
                       1 - reference['det_gender_logit_positive'])
    assert_array_equal(
        result.masks.flatten(1).sum(1), reference['det_mask_areas'])
    assert_array_equal(result.masks[:20],
                       unpack(reference['det_masks_first20'], 320))


def test_losses(training, reference):
    names = {
        key:
        key.removeprefix('loss_').replace('interm_',
                                          'enc_').replace('attr_', '')
        for key in reference if key.startswith('loss_') and 'dn_' not in key
    }
    ours = {name for name in training.losses if 'dn_' not in name}
    assert set(names.values()) == ours and len(ours) == 74
    for key, name in names.items():
        assert_allclose(
            training.losses[name].item(),
            reference[key].item(),
            rtol=1e-7,
            err_msg=name)


def test_gradients(model, training, reference):
    names = {weight.official: weight.name for weight in official_layout()}
    parameters = dict(model.named_parameters())
    expected = {
        names[key]: norm
        for key, norm in zip(reference['grad_norm_keys'],
                             reference['grad_norms'])
    }
    assert len(expected) == 571
    for name, parameter in parameters.items():
        norm = 0. if parameter.grad is None else parameter.grad.norm().item()
        assert_allclose(
            norm, expected.pop(name, 0.), rtol=1e-6, atol=0, err_msg=name)
    assert not expected


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_denoising_losses(model, training, sample, float64_by_default):
    """mmdet's own loss of the same denoising queries."""
    head, inputs = model.bbox_head, training.head_inputs
    num_dn = inputs['dn_meta']['num_denoising_queries']
    assert num_dn == 200  # 20 groups of 5 persons, right and wrong boxes
    layers = head(
        inputs['hidden_states'][:, :, :num_dn],
        [reference[:, :num_dn] for reference in inputs['references']])
    losses = DINOHead.loss_dn(
        head, torch.stack([layer['box']['cls_scores'] for layer in layers]),
        torch.stack([layer['box']['bboxes'] for layer in layers]),
        [sample.gt_instances], [sample.metainfo], inputs['dn_meta'])
    prefixes = [f'd{layer}.' for layer in range(5)] + ['']
    for name, layer_losses in zip(('cls', 'bbox', 'iou'), losses):
        for prefix, loss in zip(prefixes, layer_losses):
            ours = training.losses[f'{prefix}dn_loss_{name}']
            assert_allclose(ours.item(), loss.item(), rtol=1e-7)
            assert ours.item() > 0
