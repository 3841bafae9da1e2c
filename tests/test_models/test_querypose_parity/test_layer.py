"""Parts of the released QueryPose (tests/data/parity/README.md)."""
import runpy
from pathlib import Path
from types import SimpleNamespace

import torch

from mmhqnet.models.layers import to_box
from mmhqnet.utils.checkpoint import convert_querypose

RELEASE = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).with_name('release.py'))))
stored, normal, build = RELEASE.stored, RELEASE.normal, RELEASE.build
assert_equal = RELEASE.assert_equal
assert_gradients_equal = RELEASE.assert_gradients_equal


def test_conversion_is_strict_and_one_to_one(version):
    weights = RELEASE.released_weights(version, 1)
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
    with RELEASE.watch(**modules) as seen:
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
