"""The numbers of the released QueryPose (tests/data/parity/README.md)."""
import contextlib
import functools
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from numpy.testing import assert_allclose, assert_array_equal

from mmhqnet.checkpoints.querypose import querypose_name
from mmhqnet.models.heads.query_pose_head import Stage
from mmhqnet.models.heads.query_pose_layer import PartPoses
from mmhqnet.models.layers import RegionExtractor, to_box
from mmhqnet.registry import MODELS
from mmhqnet.testing import tiny_querypose_config
from mmhqnet.utils.checkpoint import convert_querypose

ROOT = Path(__file__).parents[2]
PARITY = ROOT / 'tests/data/parity'
DETERMINISTIC = SimpleNamespace(
    **runpy.run_path(str(PARITY / 'deterministic.py')))
SEED, NUM_PROPOSALS, NUM_STAGES, CANVAS = 0, 20, 6, (160, 192)
CONFIGS = dict(
    light='querypose-light_r50_8xb2-140k_coco.py',
    full='querypose_r50_8xb2-140k_coco.py')
# What keeps activations alive, and boxes and queries in a sane range.
FACTORS = {
    r'inst_convs\.\d+\.weight$': 2**0.5,
    r'part_embed_generator\.upsample\.0\.weight$': 2,
    r'part_embed_generator\.LSA_conv\.weight$': 3,
    r'bboxes_delta\.weight$': 0.2,
    r'^part_query\.weight$': 128**0.5,
    r'^init_proposal_features\.weight$': 16,
}
LOSSES = ('cls', 'bbox', 'iou', 'kpt')


@functools.lru_cache(maxsize=None)
def stored(name):
    with np.load(PARITY / f'querypose/{name}_seed{SEED}.npz') as file:
        return {
            key:
            torch.from_numpy(value) if value.dtype.kind in 'fib' else value
            for key, value in file.items()
        }


def normal(name, *shape):
    return torch.from_numpy(DETERMINISTIC._rng(f'{SEED}:{name}').randn(*shape))


def released_weights(version, num_stages):
    """Weights of the release's first stages, under its names."""
    keys = json.loads((PARITY / 'querypose/querypose_keys.json').read_text())
    shapes = keys['full']
    lacking = set(keys['light_lacks']) if version == 'light' else set()
    weights = {}
    for key, shape in shapes.items():
        stage = re.search(r'series\.(\d)', key)
        if key in lacking or stage and int(stage[1]) >= num_stages:
            continue
        if key.startswith('init_proposal'):
            shape = [NUM_PROPOSALS, shape[1]]
        weights[key] = torch.as_tensor(DETERMINISTIC.weight(
            key, shape, SEED)) * float(
                np.prod([
                    factor for pattern, factor in FACTORS.items()
                    if re.search(pattern, key)
                ]))
    weights['init_proposal_boxes.weight'] = stored(
        f'decoder_{version}')['init_boxes_cxcywh']
    weights['criterion.flow.flow.mask'] = torch.tensor([[0., 1.], [1., 0.]] *
                                                       3)
    return weights


@functools.lru_cache(maxsize=1)
def build(version, num_stages):
    init_default_scope('mmdet')
    config = Config.fromfile(ROOT / 'configs/querypose' /
                             CONFIGS[version]).model
    config.backbone.init_cfg = None
    config.rpn_head.num_proposals = NUM_PROPOSALS
    config.roi_head.num_stages = num_stages
    config.roi_head.stage_loss_weights = [1] * num_stages
    model = MODELS.build(config).double()
    weights = convert_querypose(released_weights(version, num_stages))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(name.startswith(('backbone.', 'neck.')) for name in missing)
    return model


@contextlib.contextmanager
def watch(**modules):
    """What goes into modules, (args, output) by name, while they are used."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _, args, output, name=name: seen.
                                     update({name: (args, output)}))
        for name, module in modules.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def assert_equal(ours, reference, rtol=1e-9, name=''):
    if reference.dtype == torch.float32:  # rounded for size
        rtol = max(rtol, 1e-6)
    ours, reference = ours.detach(), reference.to(ours.dtype)
    assert ours.shape == reference.shape, name
    error = (ours - reference).abs().max() / reference.abs().max()
    assert error <= rtol, f'{name}: {error}'


def assert_gradients_equal(model, keys, norms, rtol, prefix=''):
    parameters = dict(model.named_parameters())
    for key, norm in zip(keys, norms.tolist()):
        key = prefix + str(key).removeprefix(prefix)
        gradient = parameters[querypose_name(key)].grad
        ours = 0. if gradient is None else gradient.norm().item()
        # Some are zero but for rounding.
        assert_allclose(ours, norm, rtol=rtol, atol=1e-9, err_msg=key)


# One version after the other: each model is built once.
@pytest.fixture(scope='module', params=['light', 'full'])
def version(request):
    return request.param


@pytest.fixture
def samples(version):
    """Two images in one canvas; the second is smaller."""
    decoder = stored(f'decoder_{version}')
    samples = []
    for (height, width), ori_shape in zip(decoder['valid_hw'].tolist(),
                                          decoder['output_hw'].tolist()):
        samples.append(
            DetDataSample(
                metainfo=dict(
                    img_shape=(height, width),
                    ori_shape=tuple(ori_shape),
                    batch_input_shape=CANVAS,
                    scale_factor=(width / ori_shape[1],
                                  height / ori_shape[0]))))
    return samples


def add_persons(samples, version, case):
    train = stored(f'train_{version}')
    for image, sample in enumerate(samples):
        keypoints = train[f'{case}_gt_keypoints_{image}']
        sample.gt_instances = InstanceData(
            bboxes=train[f'{case}_gt_boxes_{image}'],
            labels=torch.zeros(len(keypoints), dtype=torch.long),
            keypoints=keypoints[..., :2],
            keypoints_visible=keypoints[..., 2])


def pyramid():
    return [
        torch.stack([
            normal(f'p{level}.image{image}', 256, CANVAS[0] >> level,
                   CANVAS[1] >> level) for image in range(2)
        ]) for level in (2, 3, 4, 5)
    ]


def test_conversion_is_strict_and_one_to_one(version):
    weights = released_weights(version, 1)
    converted = convert_querypose(weights)
    assert len(converted) == len(weights)
    for name, weight in build(version, 1).state_dict().items():
        if not name.startswith(('backbone.', 'neck.')):
            assert weight.shape == converted.pop(name).shape
    assert not converted


def test_layer(version):
    """Convolutions, SPEGM, SIM, attention over parts, heads; gradients."""
    reference = stored(f'layer_{version}')
    num_persons = int(reference['meta'][1])
    model = build(version, 1).eval()
    model.zero_grad()
    regions = normal('roi', num_persons, 256, 14, 14)
    assert_equal(regions.sum(), reference['roi_check'][0])
    query = normal('inst_query', num_persons, 256)
    part_query = normal('prev_part_query', 7, num_persons, 128)
    for inputs in (regions, query, part_query):
        inputs.requires_grad_()
    layer = model.roi_head.pose_layers[0]
    parts = layer.parts
    modules = dict(
        tower=layer.convs,
        attention=parts.embedding.attention,
        spegm=parts.embedding,
        sim=parts.iteration,
        gates=parts.iteration.gates,
        after_attention=parts.attention_norm)
    if version == 'full':
        modules['dynamic_conv'] = layer.interaction.dynamic_conv
    with watch(**modules) as seen:
        poses = layer(regions, query, part_query.transpose(0, 1))

    def check(ours, name):
        """Parts come first in the release."""
        assert_equal(ours.transpose(0, 1), reference[name], name=name)

    assert_equal(seen['tower'][1].mean(1), reference['tower_channel_mean'])
    if version == 'full':
        assert_equal(seen['dynamic_conv'][1], reference['dynamic_conv'])
    # Of the first two persons, and the same in both versions.
    assert_equal(seen['attention'][1][:2],
                 stored('layer_light')['attention_logits'])
    check(seen['spegm'][1], 'spegm')
    check(seen['sim'][0][0], 'part_embedding')
    check(seen['gates'][1].sigmoid().unflatten(-1, (2, -1)), 'gates')
    check(seen['sim'][1], 'sim')
    check(seen['after_attention'][1], 'after_attention')
    check(poses.part_query, 'part_query')
    assert_equal(poses.query, reference['updated_inst_query'])
    assert_equal(poses.mu, reference['mu'])
    assert_equal(poses.sigma, reference['sigma'])

    scalar = (normal('w_mu', num_persons, 17, 2) * poses.mu).sum() + (
        normal('w_sigma', num_persons, 17, 2) * poses.sigma).sum()
    assert_equal(scalar, reference['scalar'])
    scalar.backward()
    assert_equal(query.grad, reference['grad_inst_query'])
    assert_equal(part_query.grad, reference['grad_prev_part_query'])
    assert_equal(regions.grad.mean(1), reference['grad_roi_channel_mean'])
    assert_gradients_equal(model, reference['grad_norm_keys'],
                           reference['grad_norms'], 1e-9,
                           'head.pose_head_series.0.')


def test_layer_with_batch_statistics(version):
    reference = stored(f'layer_{version}')
    num_persons = int(reference['meta'][1])
    layer = build(version, 1).roi_head.pose_layers[0]
    norm = layer.upsampling.norm
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    layer.train()
    with torch.no_grad():
        poses = layer(
            normal('roi', num_persons, 256, 14, 14),
            normal('inst_query', num_persons, 256),
            normal('prev_part_query', 7, num_persons, 128).transpose(0, 1))
    layer.eval()
    norm.load_state_dict(before)
    assert_equal(poses.mu, reference['batchstat_mu'])
    assert_equal(poses.sigma, reference['batchstat_sigma'])


@pytest.mark.parametrize('version', ['light'])
def test_first_stage(version, samples):
    """Initial proposals, regions of both kinds, box head, some poses."""
    reference = stored('decoder_light')
    model = build('light', 1).eval()
    feats = pyramid()
    head = model.roi_head
    kept = torch.tensor([[0, 4, 11], [1, 2, 19]])
    proposals = model.rpn_head.predict(feats, samples)
    assert_equal(
        torch.stack([proposal.bboxes for proposal in proposals]),
        reference['init_boxes_xyxy'])
    with torch.no_grad():
        stages = head._detect(feats, proposals)
        poses, = head._estimate(feats, stages, kept)
    assert_equal(stages[0].cls_scores, reference['stage_logits'][0])
    assert_equal(stages[0].bboxes, reference['stage_boxes'][0])
    for name in ('mu', 'sigma'):
        expected = reference[f'stage_{name}'][0]
        assert_equal(
            getattr(poses, name),
            torch.stack([rows[inds] for rows, inds in zip(expected, kept)]))


def test_levels_of_regions(version):
    """Of the boxes that enter a stage."""
    reference = stored(f'decoder_{version}')
    boxes = torch.cat(
        [reference['init_boxes_xyxy'][None], reference['stage_boxes'][:-1]])
    levels = RegionExtractor().levels(boxes)
    assert_array_equal(levels, reference['box_levels'])
    assert set(levels.flatten().tolist()) == {0, 1, 2, 3}


@pytest.fixture
def tiny_head(version, monkeypatch):
    """A head whose stages say what those of the release say."""
    init_default_scope('mmdet')
    head = MODELS.build(tiny_querypose_config(NUM_STAGES)).roi_head.double()
    reference = stored(f'decoder_{version}')
    stages = [
        Stage(logits, boxes, None, None) for logits, boxes in zip(
            reference['stage_logits'], reference['stage_boxes'])
    ]
    poses = [
        PartPoses(None, None, mu, sigma)
        for mu, sigma in zip(reference['stage_mu'], reference['stage_sigma'])
    ]

    def estimate(feats, stages, kept=None):
        if kept is None:
            return poses
        rows = torch.arange(len(kept))[:, None]
        return [
            pose._replace(
                mu=pose.mu[rows, kept], sigma=pose.sigma[rows, kept])
            for pose in poses
        ]

    monkeypatch.setattr(head, '_detect', lambda *args: stages)
    monkeypatch.setattr(head, '_estimate', estimate)
    flow = convert_querypose(released_weights(version, 1))
    prefix = 'roi_head.loss_kpt.'
    head.loss_kpt.load_state_dict({
        name.removeprefix(prefix): weight
        for name, weight in flow.items() if name.startswith(prefix)
    })
    loss = head.bbox_head[0]
    loss.loss_cls.loss_weight, loss.loss_bbox.loss_weight = 2., 5.
    return head


def assert_results_equal(results, version, rtol=1e-9):
    reference = stored(f'decoder_{version}')
    for image, result in enumerate(results):
        shown = reference[f'det{image}_nonempty']
        expected = {
            name: reference[f'det{image}_{name}'][shown]
            for name in ('scores', 'boxes', 'keypoints')
        }
        assert_equal(result.scores, expected['scores'], rtol)
        assert_equal(result.bboxes, expected['boxes'], rtol)
        assert_equal(result.keypoints, expected['keypoints'][..., :2], rtol)
        assert_equal(result.keypoint_scores, expected['keypoints'][..., 2],
                     rtol)


def test_result(version, samples, tiny_head):
    tiny_head.test_cfg = dict(max_per_img=100)
    results = tiny_head.predict(None, None, samples, rescale=True)
    assert_results_equal(results, version)


@pytest.mark.parametrize('case', ['stable', 'switch'])
def test_matching_and_losses(version, case, samples, tiny_head):
    reference = stored(f'train_{version}')
    add_persons(samples, version, case)
    with watch(loss=tiny_head.loss_kpt) as seen:
        losses = tiny_head.loss(None, None, samples)
    *_, weight = seen['loss'][0]
    assert_equal(  # of float32, like the class loss of the release
        weight.mean((1, 2, 3)), reference[f'{case}_v0_mask_fraction'], 1e-7)
    ours = torch.stack([
        torch.stack([losses[f's{stage}.loss_{name}'] for name in LOSSES])
        for stage in range(NUM_STAGES)
    ])
    # The release casts its focal loss to float32.
    assert_allclose(
        ours.detach() / reference['loss_weights'],
        reference[f'{case}_v0_losses'],
        rtol=1e-6)

    logits, boxes = (
        stored(f'decoder_{version}')[f'stage_{name}']
        for name in ('logits', 'boxes'))
    assignment = tiny_head._match(logits, boxes, samples)
    num_first = len(samples[0].gt_instances)
    expected = reference[f'{case}_v0_matched']
    assert_array_equal(assignment.query_inds,
                       expected[..., 0] * NUM_PROPOSALS + expected[..., 1])
    assert_array_equal(assignment.gt_inds,
                       expected[..., 0] * num_first + expected[..., 2])


def test_flow_and_keypoint_loss():
    reference = stored('rle')
    model = build('full', 1)
    loss_kpt = model.roi_head.loss_kpt
    points = reference['points'].clone().requires_grad_()
    log_prob = loss_kpt.flow(points)
    assert_equal(log_prob, reference['log_prob'])
    log_prob.sum().backward()
    assert_equal(points.grad, reference['grad_points'])
    base, log_det = loss_kpt.flow.to_base(points)
    assert_equal(base, reference['z'])
    assert_equal(log_det, reference['log_det'])

    image, query, person = (
        reference[f'matched_{name}'] for name in ('image', 'query', 'person'))
    keypoints = torch.stack(
        [reference[f'gt_keypoints_{i}'][j] for i, j in zip(image, person)])
    target, inside = to_box(keypoints[..., :2], reference['pred_boxes'][image,
                                                                        query])
    assert_equal(target, reference['target_relative'])
    weight = (inside & (keypoints[..., 2] > 0))[..., None].double()
    assert_equal(weight.expand_as(target), reference['target_weight'])

    mu = reference['mu'].clone().requires_grad_()
    sigma = reference['sigma'].clone().requires_grad_()
    loss = loss_kpt(mu[image, query], sigma[image, query], target, weight)
    assert_equal(loss, reference['loss_elements'])
    loss = loss.sum() / (reference['num_boxes'] * 17)
    assert_equal(loss, reference['loss_kps'])
    model.zero_grad()
    loss.backward()
    assert_equal(mu.grad, reference['grad_mu'])
    assert_equal(sigma.grad, reference['grad_sigma'])
    keys = [key for key in reference if key.startswith('grad_norm/')]
    assert len(keys) == 72
    assert_gradients_equal(model,
                           [key.removeprefix('grad_norm/') for key in keys],
                           torch.stack([reference[key] for key in keys]), 1e-9)


@pytest.mark.slow
def test_all_stages(version, samples, monkeypatch):
    """The whole cascade through the detector's public method."""
    reference = stored(f'decoder_{version}')
    model = build(version, NUM_STAGES).eval()
    head = model.roi_head
    with torch.no_grad(), watch(
            first=head.pose_layers[0], last=head.pose_layers[-1]) as seen:
        stages = model.decode(pyramid(), samples)
    for ours, name in (('cls_scores', 'logits'), ('bboxes', 'boxes'),
                       ('mu', 'mu'), ('sigma', 'sigma')):
        assert_equal(
            torch.stack([stage[ours] for stage in stages]),
            reference[f'stage_{name}'], 1e-7, name)

    # Queries before and after poses, and part queries, of three proposals.
    (_, query, _), first = seen['first']
    last = seen['last'][1]
    for ours, name in ((query, 'stage0_inst_query_before_pose'),
                       (first.query, 'stage0_inst_query')):
        ours = ours.unflatten(0, (2, -1))
        assert_equal(ours[:, :3], reference[name], name=name)
    for ours, name in ((first.part_query, 'stage0_part_query'),
                       (last.part_query, 'stage5_part_query')):
        ours = ours.unflatten(0, (2, -1)).movedim(2, 0)  # parts first
        assert_equal(ours[:, :, :3], reference[name], name=name)

    monkeypatch.setattr(head, 'decode', lambda *args: stages)
    results = head.predict(None, None, samples, rescale=True)
    assert_results_equal(results, version, 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize('case', ['stable', 'switch'])
def test_training_step(version, case, samples):
    """Gradients of all stages together; batch norm in evaluation mode."""
    reference = stored(f'train_{version}')
    model = build(version, NUM_STAGES).eval()
    model.zero_grad()
    feats = pyramid()
    add_persons(samples, version, case)
    losses = model.roi_head.loss(feats, model.rpn_head.predict(feats, samples),
                                 samples)
    total = sum(losses.values())
    assert_equal(total, reference[f'{case}_v0_total'], 1e-6)
    total.backward()
    assert_gradients_equal(model, reference['grad_norm_keys'],
                           reference[f'{case}_v0_grad_norms'], 2e-6)
