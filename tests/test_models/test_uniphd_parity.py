"""UniPHD computes what its released code computes, in float64.

``tests/data/parity/uniphd`` holds what the release computes from made-up
weights, maps and prompts. The same weights, renamed by the converter, have to
give the same outputs, results, gradients and losses.
"""
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose, assert_array_equal

import mmhqnet.models  # noqa: F401
from mmhqnet.checkpoints.uniphd import rename
from mmhqnet.models.losses.referring_loss import (ReferredPersons,
                                                  group_focal_loss,
                                                  pair_losses)
from mmhqnet.registry import MODELS
from mmhqnet.utils.checkpoint import convert_uniphd

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/parity/uniphd'
DETERMINISTIC = SimpleNamespace(
    **runpy.run_path(str(DATA.parent / 'deterministic.py')))
INPUTS = SimpleNamespace(**runpy.run_path(str(DATA / 'uniphd_inputs.py')))
SEED = 3
OUTPUTS = dict(
    cls='cls_scores', box='bboxes', kpt='keypoints', vis='visibilities')
# The released code rounds them to float32.
SIGMAS = np.float32([
    .026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107,
    .107, .087, .087, .089, .089
]).tolist()


def load(name):
    with np.load(DATA / f'{name}.npz') as file:
        return SimpleNamespace(**file)


def assert_close(actual, expected, tolerance=2e-6):
    """Equal up to a share of the largest expected value."""
    actual = np.asarray(actual.detach()).reshape(expected.shape)
    assert_allclose(
        actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.fixture(scope='module')
def model():
    config = Config.fromfile(ROOT / 'configs/_base_/models/uniphd_swin-t.py')
    config = config.model
    config.text_encoder = None
    # Its maps are given; something small stands in for the backbone.
    config.backbone = dict(type='ResNet', depth=18, init_cfg=None)
    init_default_scope('mmdet')
    model = MODELS.build(config).double().eval()
    weights = {}
    entries = json.loads((DATA / 'head_keys.json').read_text())
    for key, entry in entries.items():
        root = entry.get('alias_of', key)
        weights[key] = torch.from_numpy(
            DETERMINISTIC.weight(root, entry['shape'], SEED) *
            entry.get('scale', 1))
    fit = model.load_state_dict(convert_uniphd(weights), strict=False)
    assert not fit.unexpected_keys
    assert all(key.startswith('backbone.') for key in fit.missing_keys)
    return model


def inputs_of(name, reference):
    """Maps, prompt and images of a case."""
    canvas = tuple(reference.meta_canvas.tolist())
    samples = [
        DetDataSample(
            metainfo=dict(
                img_shape=tuple(size),
                ori_shape=tuple(ori_size),
                batch_input_shape=canvas))
        for size, ori_size in zip(reference.meta_sizes.tolist(),
                                  reference.meta_orig_sizes.tolist())
    ]
    feats = [
        torch.from_numpy(
            np.stack([
                INPUTS.feature_map(stride, *canvas, SEED, image)
                for image in range(len(samples))
            ])) for stride in (4, 8, 16, 32)
    ]
    if 'text' in name:
        pad_mask = torch.from_numpy(reference.in_text_pad_mask)
        captions = [
            INPUTS.words(pad_mask.shape[1], SEED, image)
            for image in range(len(samples))
        ]
        words, sentence = (
            torch.from_numpy(np.stack(part)) for part in zip(*captions))
        prompt = dict(
            kind='text', words=words, sentence=sentence, pad_mask=pad_mask)
    else:
        points = torch.from_numpy(reference.in_scribble)
        prompt = dict(kind='scribble', points=points)
        if name == 'point':
            prompt = dict(kind='point', points=points[:, 5:6])
    return feats, prompt, samples


def objective(layers):
    """The sum whose gradients the release computed."""
    total = 0
    for number, layer in enumerate(layers):
        for name, output in OUTPUTS.items():
            output = layer[output]
            if name == 'kpt':
                output = output.flatten(-2)
            weight = INPUTS.normal(f'objective:{name}:{number}', output.shape,
                                   SEED)
            total = total + (torch.from_numpy(weight) * output).sum()
    masks = layers[-1]['masks'][:, :2, 3::8, 5::8]
    weight = INPUTS.normal('objective:mask', masks.shape, SEED)
    return total + 0.001 * (torch.from_numpy(weight) * masks).sum()


@pytest.mark.parametrize('name',
                         ['text', 'point', 'padded_text', 'padded_scribble'])
def test_outputs_results_and_gradients(model, name, monkeypatch):
    reference = load(name)
    feats, prompt, samples = inputs_of(name, reference)
    head_inputs = {}
    forward = model.forward_transformer
    monkeypatch.setattr(
        model, 'forward_transformer',
        lambda *args: head_inputs.update(forward(*args)) or head_inputs)
    with torch.set_grad_enabled(hasattr(reference, 'objective')):
        layers = model.decode(feats, prompt, samples)
    for key, output in OUTPUTS.items():
        assert_close(
            torch.stack([layer[output] for layer in layers]),
            getattr(reference, key))
    assert_close(layers[-1]['masks'][:, ::4, 3::8, 5::8],
                 reference.mask_full_sub)

    check_results(model.bbox_head, reference, head_inputs, samples)
    if hasattr(reference, 'objective'):
        model.zero_grad()
        total = objective(layers)
        assert_close(total, reference.objective)
        total.backward()
        parameters = dict(model.named_parameters())
        norms = [
            0 if (grad := parameters[rename(key)].grad) is None else
            grad.norm().item() for key in reference.grad_norm_keys
        ]
        assert_allclose(norms, reference.grad_norms, rtol=1e-3, atol=1e-9)


@torch.no_grad()
def check_results(head, reference, inputs, samples):
    head.test_cfg = dict(rank_classes=True)
    results = head.predict(**inputs, batch_data_samples=samples)
    head.test_cfg = {}
    best = head.predict(**inputs, batch_data_samples=samples)
    for image, (result, sample) in enumerate(zip(results, samples)):
        expected = SimpleNamespace(
            **{
                key.removeprefix(f'det{image}_'): value
                for key, value in vars(reference).items()
                if key.startswith(f'det{image}_')
            })
        assert_close(result.scores, expected.scores)
        assert_close(result.bboxes, expected.boxes)
        assert_close(result.keypoints,
                     expected.keypoints.reshape(-1, 17, 3)[..., :2])
        assert_array_equal(result.masks.sum((1, 2)), expected.mask_areas)
        assert_array_equal(
            np.packbits(result.masks[0], axis=-1), expected.mask_top1)
        # Ours: every group once, by its score as a person.
        assert len(best[image]) == 20
        assert len(set(map(tuple, best[image].bboxes.tolist()))) == 20
        assert (best[image].scores.diff() <= 0).all()


def test_criterion():
    reference = load('criterion')
    tensors = {
        key: torch.from_numpy(value)
        for key, value in vars(reference).items()
        if not isinstance(value, np.str_)
    }
    masks = torch.zeros(3, 64, 64, dtype=torch.float64)
    for image in range(3):
        mask = tensors[f'gt_mask{image}']
        masks[image, :mask.shape[0], :mask.shape[1]] = mask
    persons = ReferredPersons(
        boxes=tensors['gt_boxes'][None],
        keypoints=tensors['gt_keypoints'][None, :, :34].unflatten(-1, (17, 2)),
        visible=tensors['gt_keypoints'][None, :, 34:],
        areas=tensors['gt_area'][None],
        masks=masks[None],
        mask_valid=torch.ones(1, 3, dtype=torch.bool))
    names = dict(
        loss_bbox='bbox',
        loss_iou='giou',
        loss_kpt='keypoints',
        loss_oks='oks',
        loss_visibility='keypoints_visi',
        loss_mask='mask',
        loss_dice='dice',
        loss_mask_low='mask_low',
        loss_dice_low='dice_low')

    for source, suffix in (('out', ''), ('aux0', '_0')):
        group = tensors['matched_group' + suffix.replace('_0', '_aux0')]
        rows = torch.arange(3), group
        logits = tensors[f'{source}_pred_logits'].requires_grad_()
        pred = dict(
            bboxes=tensors[f'{source}_pred_boxes'][rows],
            keypoints=tensors[f'{source}_pred_keypoints'][rows][:, :34],
            visibilities=tensors[f'{source}_pred_keypoints_visi'][rows])
        if source == 'out':
            pred.update(
                masks=tensors['out_pred_masks'][:, 0],
                masks_low=tensors['out_pred_masks_low'][:, 0])
        leaves = {key: value.requires_grad_() for key, value in pred.items()}
        pred = {key: value[None] for key, value in leaves.items()}
        pred['keypoints'] = pred['keypoints'].unflatten(-1, (17, 2))
        loss_cls = group_focal_loss(
            logits.flatten(0, 1)[None],
            (group + 20 * torch.arange(3))[None]) / 3
        assert_close(loss_cls, getattr(reference, f'loss_ce{suffix}'), 1e-9)
        losses = pair_losses(pred, persons, SIGMAS)
        assert len(losses) == (9 if source == 'out' else 5)
        for ours, theirs in names.items():
            if ours not in losses:
                continue
            loss = losses[ours].sum() / 3
            if ours == 'loss_visibility':
                loss = loss / 3
            assert_close(loss, getattr(reference, f'loss_{theirs}{suffix}'))
            if source == 'out':
                key = next(
                    key for key in leaves if torch.autograd.grad(
                        loss,
                        leaves[key],
                        retain_graph=True,
                        allow_unused=True)[0] is not None)
                grad, = torch.autograd.grad(
                    loss, leaves[key], retain_graph=True)
                expected = tensors[f'grad_loss_{theirs}']
                if key == 'keypoints':
                    expected = expected[:, :34]
                assert_close(grad, expected.reshape(grad.shape).numpy())
