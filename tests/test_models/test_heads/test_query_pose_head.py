"""The cascade of QueryPose on a tiny model."""
import copy

import pytest
import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention

from mmhqnet.models.heads import QueryPoseLayer
from mmhqnet.testing import tiny_querypose_config

LIGHT = dict()
FULL = dict(interact=True)
BATCH_NORM = dict(norm_cfg=dict(type='BN'))
ATTRIBUTES = dict(gender=dict(type='GenderHead'), age=dict(type='AgeHead'))
VERSIONS = pytest.mark.parametrize(
    'version', [LIGHT, FULL, BATCH_NORM], ids=['light', 'full', 'batch_norm'])


@pytest.fixture
def build(build_model):

    def build(version=LIGHT,
              num_stages=2,
              num_proposals=10,
              dtype=None,
              attributes=None):
        cfg = tiny_querypose_config(num_stages, num_proposals, **version)
        cfg.roi_head.attributes = attributes
        return build_model(cfg, dtype=dtype or torch.float64).train()

    return build


@pytest.fixture
def run(make_images):
    """Losses and gradients of a training step."""

    def run(model, samples, images=None):
        model.zero_grad()
        dtype = model.roi_head.part_query.weight.dtype
        images = make_images(
            samples, dtype=dtype) if images is None else images
        losses = model.loss(images, samples)
        sum(value for value in losses.values()).backward()
        gradients = {
            name: parameter.grad
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }
        return losses, gradients

    return run


def assert_finite(losses, gradients):
    for name, loss in losses.items():
        assert loss.isfinite(), name
    for name, gradient in gradients.items():
        assert gradient is not None, f'{name} is not used'
        assert gradient.isfinite().all(), name


@VERSIONS
@pytest.mark.parametrize('num_persons', [(0, 0), (0, 2), (60, 1)])
def test_any_number_of_persons(build, run, make_sample, version, num_persons):
    """No persons, and more than there are queries."""
    samples = [
        make_sample(number, canvas=(64, 96), seed=seed)
        for seed, number in enumerate(num_persons)
    ]
    losses, gradients = run(build(version), samples)
    assert_finite(losses, gradients)
    assert set(losses) == {
        f's{stage}.loss_{name}'
        for stage in range(2)
        for name in ('cls', 'bbox', 'iou', 'kpt')
    }
    if not any(num_persons):
        for stage in range(2):
            assert losses[f's{stage}.loss_kpt'] == 0
            assert losses[f's{stage}.loss_bbox'] == 0
            # At least one person counts, or this would be divided by nothing.
            assert losses[f's{stage}.loss_cls'] < 100


@VERSIONS
def test_regions_outside_of_the_image(build, run, make_sample, version):
    model = build(version)
    with torch.no_grad():
        model.rpn_head.init_proposal_bboxes.weight[:5, :2] = 30.
        model.rpn_head.init_proposal_bboxes.weight[5:8, 2:] = 0.
    assert_finite(*run(model, [make_sample(2)]))


@VERSIONS
def test_certainty_without_reason(build, run, make_sample, version):
    """Standard deviations of nearly nothing."""
    model = build(version)
    with torch.no_grad():
        for layer in model.roi_head.pose_layers:
            for branch in layer.pose.sigma_branches:
                branch.bias.fill_(-1e3)
    assert_finite(*run(model, [make_sample(2)]))


@pytest.mark.parametrize('half', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('version', [LIGHT, FULL], ids=['light', 'full'])
def test_half_precision(build, make_sample, make_images, version, half):
    model = build(version, dtype=torch.float32)
    sample = make_sample(2, dtype=torch.float32)
    images = make_images([sample], dtype=torch.float32)
    with torch.autocast('cpu', half):
        losses = model.loss(images, [sample])
    sum(losses.values()).backward()
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    assert_finite(
        losses, {
            name: parameter.grad
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        })
    model.eval()
    with torch.no_grad(), torch.autocast('cpu', half):
        result, = model.predict(images, [sample])
    assert result.pred_instances.keypoints.isfinite().all()


@VERSIONS
def test_crowds_need_no_more_memory(build, make_sample, make_images,
                                    saved_bytes, version):
    """What is kept for the way back has as many rows as there are queries."""
    model = build(version)
    kept = []
    for number in (10, 60):
        samples = [make_sample(number)]
        images = make_images(samples)
        losses, size = saved_bytes(lambda: model.loss(images, samples))
        kept.append(size)
    assert losses['s1.loss_kpt'] > 0
    assert kept[1] < 1.05 * kept[0]


def test_short_cut_is_exact(build, run, make_sample, monkeypatch):
    """Poses of matched queries alone teach what poses of all teach."""
    samples = [make_sample(3, seed=0), make_sample(1, seed=1)]
    model = build()
    losses, gradients = run(model, samples)
    head = model.roi_head
    regions = []
    head.pose_extractor.register_forward_hook(
        lambda *args: regions.append(args[-1].shape[1]))
    run(model, samples)
    assert max(regions) < 10
    regions.clear()
    # As if another query could matter.
    monkeypatch.setattr(QueryPoseLayer, 'is_independent', False)
    all_losses, all_gradients = run(model, samples)
    assert set(regions) == {10}
    for name, loss in all_losses.items():
        torch.testing.assert_close(losses[name], loss)
    for name, gradient in all_gradients.items():
        torch.testing.assert_close(gradients[name], gradient, msg=name)


@VERSIONS
def test_part_queries_stay_with_their_query(build, make_sample, make_images,
                                            version):
    """Whatever the order of the queries, each has the same poses."""
    model = build(version, num_stages=3).eval()
    samples = [make_sample(2)]
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        feats = model.extract_feat(make_images(samples))
        stages = model.decode(feats, samples)
        for embedding in (model.rpn_head.init_proposal_bboxes,
                          model.rpn_head.init_proposal_features):
            embedding.weight.copy_(embedding.weight[order])
        for stage, permuted in zip(stages, model.decode(feats, samples)):
            for name, value in stage.items():
                torch.testing.assert_close(permuted[name], value[:, order])


@VERSIONS
def test_order_of_persons_does_not_matter(build, run, make_sample, version):
    model = build(version)
    sample = make_sample(4)
    losses, _ = run(model, [sample])
    turned = copy.deepcopy(sample)
    turned.gt_instances = turned.gt_instances[[2, 0, 3, 1]]
    permuted, _ = run(model, [turned])
    for name, loss in losses.items():
        torch.testing.assert_close(permuted[name], loss)


@VERSIONS
def test_batched_equals_single(build, make_sample, make_images, version):
    model = build(version).eval()
    samples = [
        make_sample(2, img_shape=(64, 96)),
        make_sample(1, img_shape=(48, 80), canvas=(64, 96), seed=1)
    ]
    images = make_images(samples)
    with torch.no_grad():
        feats = model.extract_feat(images)
        together = model.decode(feats, samples)
        for image, sample in enumerate(samples):
            alone = model.decode([feat[image:image + 1] for feat in feats],
                                 [sample])
            for both, one in zip(together, alone):
                for name, value in one.items():
                    torch.testing.assert_close(both[name][image], value[0])


def test_unlabelled_keypoints_give_no_gradient(build, run, make_sample):
    sample = make_sample(2)
    sample.gt_instances.keypoints_visible[:] = 0
    sample.gt_instances.keypoints[:] = float('nan')
    losses, gradients = run(build(), [sample])
    assert_finite(losses, gradients)
    assert losses['s1.loss_kpt'] == 0
    assert all((gradient == 0).all() for name, gradient in gradients.items()
               if 'pose_layers' in name)


def test_no_gradient_between_stages_through_boxes(build, make_sample,
                                                  make_images):
    model = build()
    samples = [make_sample(2)]
    first, second = model.decode(
        model.extract_feat(make_images(samples)), samples)
    later = first['keypoints'].sum() + second['keypoints'].sum() + second[
        'bboxes'].sum()
    proposals = model.rpn_head.init_proposal_bboxes.weight
    to_first, to_proposals = torch.autograd.grad(
        later, (first['bboxes'], proposals), allow_unused=True)
    assert to_first is None
    # By way of the first stage's regions and the queries.
    assert to_proposals.abs().sum() > 0


def test_results(build, make_sample, make_images):
    model = build().eval()
    sample = make_sample(2, ori_shape=(128, 192))
    images = make_images([sample])
    with torch.no_grad():
        stage = model.decode(model.extract_feat(images), [sample])[-1]
        result, = model.predict(images, [sample])
    persons = result.pred_instances
    assert 0 < len(persons) <= 8  # max_per_img
    assert (persons.scores.diff() <= 0).all()
    scores = stage['cls_scores'][
        0, :, 0].sigmoid() * stage['keypoint_scores'][0].mean(-1)
    rank = scores.argsort(descending=True)
    best = persons.scores[0]
    query = rank[(scores[rank] - best).abs().argmin()]
    torch.testing.assert_close(best, scores[query])
    torch.testing.assert_close(persons.keypoints[0],
                               2 * stage['keypoints'][0, query])
    assert (persons.bboxes >= 0).all()
    assert (persons.bboxes <= torch.tensor([192., 128.] * 2)).all()
    assert (persons.bboxes[:, 2:] > persons.bboxes[:, :2]).all()


@pytest.mark.parametrize('version, num_persons', [(LIGHT, (0, 0)),
                                                  (FULL, (3, 1))])
def test_attributes_learn(build, run, make_sample, version, num_persons):
    samples = [
        make_sample(number, seed=seed)
        for seed, number in enumerate(num_persons)
    ]
    losses, gradients = run(build(version, attributes=ATTRIBUTES), samples)
    assert_finite(losses, gradients)
    for stage in range(2):
        for name in ('gender', 'age'):
            loss = losses[f's{stage}.loss_{name}']
            assert (loss > 0) == any(num_persons)


def test_attributes_are_those_of_the_matched_person(build, make_sample,
                                                    make_images):
    model = build(attributes=ATTRIBUTES)
    head = model.roi_head
    sample = make_sample(3)
    persons = sample.gt_instances
    persons.genders = torch.tensor([0, 1, -1])
    with torch.no_grad():
        feats = model.extract_feat(make_images([sample]))
        stages = head._detect(feats, model.rpn_head.predict(feats, [sample]))

    def losses(persons):
        sample.gt_instances = persons
        assignment = head._match(
            *(torch.stack([getattr(stage, name) for stage in stages])
              for name in ('cls_scores', 'bboxes')), [sample])
        return head._attribute_losses(stages, [persons], assignment)

    optimizer = torch.optim.Adam(head.attributes.parameters(), 0.1)
    for _ in range(30):
        optimizer.zero_grad()
        sum(loss.sum() for loss in losses(persons).values()).backward()
        optimizer.step()
    learnt = losses(persons)['loss_gender']
    assert learnt.shape == (2, ) and (learnt < 0.1).all()
    turned = persons[[2, 0, 1]]
    torch.testing.assert_close(losses(turned)['loss_gender'], learnt)
    turned.genders = persons.genders
    assert (losses(turned)['loss_gender'] > 1).all()


def test_attributes_of_a_query_stay_with_it(build, make_sample, make_images):
    model = build(attributes=ATTRIBUTES).eval()
    samples = [make_sample(2), make_sample(2, seed=1)]
    images = make_images(samples)
    with torch.no_grad():
        stage = model.decode(model.extract_feat(images), samples)[-1]
        results = model.predict(images, samples)
    for image, result in enumerate(results):
        persons = result.pred_instances
        queries = torch.cdist(
            persons.keypoints.flatten(1),
            stage['keypoints'][image].flatten(1)).argmin(1)
        for column in ('genders', 'gender_scores', 'ages'):
            assert torch.equal(persons[column], stage[column][image, queries])


def test_dropout_of_others_does_not_leak(build, run, make_sample):
    """mmcv's attention remembers the dropout that somebody asked for."""
    MultiheadAttention(8, 2, dropout=0.9)
    model = build()
    samples = [make_sample(2)]
    first, second = (run(model, samples)[0] for _ in range(2))
    for name, loss in first.items():
        assert torch.equal(loss, second[name])
