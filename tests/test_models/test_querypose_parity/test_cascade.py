"""Stages of the released QueryPose (tests/data/parity/README.md)."""
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from numpy.testing import assert_allclose, assert_array_equal

from mmhqnet.models.heads.query_pose_head import Stage
from mmhqnet.models.heads.query_pose_layer import PartPoses
from mmhqnet.models.layers import RegionExtractor
from mmhqnet.registry import MODELS
from mmhqnet.testing import tiny_querypose_config
from mmhqnet.utils.checkpoint import convert_querypose

RELEASE = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).with_name('release.py'))))
NUM_STAGES, NUM_PROPOSALS = RELEASE.NUM_STAGES, RELEASE.NUM_PROPOSALS
stored, build, watch = RELEASE.stored, RELEASE.build, RELEASE.watch
assert_equal = RELEASE.assert_equal
LOSSES = ('cls', 'bbox', 'iou', 'kpt')


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
                    batch_input_shape=RELEASE.CANVAS,
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
            RELEASE.normal(f'p{level}.image{image}', 256,
                           RELEASE.CANVAS[0] >> level,
                           RELEASE.CANVAS[1] >> level) for image in range(2)
        ]) for level in (2, 3, 4, 5)
    ]


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
    flow = convert_querypose(RELEASE.released_weights(version, 1))
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
    RELEASE.assert_gradients_equal(model, reference['grad_norm_keys'],
                                   reference[f'{case}_v0_grad_norms'], 2e-6)
