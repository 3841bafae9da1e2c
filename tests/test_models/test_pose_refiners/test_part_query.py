"""Part queries as a refiner of HQNet."""
import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.models.losses import PoseTargets
from mmhqnet.models.pose_refiners import PartQueryRefiner
from mmhqnet.testing import (build_model, make_images, make_sample, randomise,
                             tiny_config)

DIMS, K = 32, 17
SMALL = dict(
    region_channels=16,
    part_dims=16,
    feedforward_channels=16,
    region_size=6,
    norm_cfg=dict(type='GN', num_groups=4))


def make_refiner(**kwargs):
    torch.manual_seed(0)
    return PartQueryRefiner(embed_dims=DIMS, **{**SMALL, **kwargs}).double()


@pytest.fixture
def refiner():
    module = make_refiner()
    module.init_weights()
    return randomise(module)


@pytest.fixture
def encoded(make_sample, make_encoded):
    shapes = [(64, 96), (48, 70), (64, 50)]
    return make_encoded(
        [make_sample(img_shape=shape, canvas=(64, 96)) for shape in shapes])


def persons(number):
    """Poses around boxes, human queries, boxes (normalised cxcywh)."""
    generator = torch.Generator().manual_seed(0)
    boxes, poses, queries = (
        torch.rand(number, *shape, generator=generator).double()
        for shape in ((4, ), (K, 2), (DIMS, )))
    boxes[:, 2:] = 0.1 + 0.4 * boxes[:, 2:]
    poses = boxes[:, None, :2] + (poses - 0.5) * boxes[:, None, 2:]
    return poses, queries, boxes


def targets_of(poses, encoded, persons_per_image):
    sizes = encoded.image_sizes()[PartQueryRefiner.image_inds(
        persons_per_image, poses.device)]
    return PoseTargets(
        keypoints=(poses + 0.01) * sizes[:, None],
        labelled=torch.ones(poses.shape[:2]).to(poses),
        visible=torch.ones(poses.shape[:2]).to(poses),
        areas=torch.full((len(poses), ), 500.).to(poses),
        sizes=sizes,
        bboxes=poses.new_zeros(len(poses), 4))


def test_starts_from_the_pose_as_it_is(encoded):
    module = make_refiner()
    module.init_weights()
    poses, queries, boxes = persons(4)
    for step in module(poses, queries, boxes, [1, 0, 3], encoded):
        torch.testing.assert_close(step['keypoints'], poses)
        assert step['keypoint_scores'].shape == (4, K)


def test_persons_do_not_see_each_other(refiner, encoded):
    poses, queries, boxes = persons(5)
    together = refiner(poses, queries, boxes, [2, 0, 3], encoded)
    alone = refiner(poses[2:3], queries[2:3], boxes[2:3], [0, 0, 1], encoded)
    for both, one in zip(together, alone):
        for name in ('keypoints', 'keypoint_scores', 'mu', 'sigma'):
            torch.testing.assert_close(both[name][2:3], one[name])
    assert len(together) == 3
    moved = (together[0]['keypoints'] - poses).abs()
    assert moved.max() > 1e-3
    assert ((together[0]['keypoint_scores'] > 0) &
            (together[0]['keypoint_scores'] < 1)).all()


@pytest.mark.parametrize('with_gradient', [True, False])
def test_chunks_change_nothing(refiner, encoded, with_gradient):
    poses, queries, boxes = persons(9)
    queries.requires_grad_(with_gradient)
    results = []
    for refiner.chunk_size in (32, 2):
        refiner.zero_grad()
        steps = refiner(poses, queries, boxes, [7, 0, 2], encoded)
        results.append([step['keypoints'] for step in steps])
        if with_gradient:
            losses = refiner.loss(steps, targets_of(poses, encoded, [7, 0, 2]))
            sum(losses.values()).backward()
            results[-1] += [queries.grad] + [
                parameter.grad for parameter in refiner.parameters()
            ]
            queries.grad = None
    for whole, chunked in zip(*results):
        torch.testing.assert_close(chunked, whole)


@pytest.mark.parametrize('counts', [[0, 0, 0], [0, 60, 1]])
def test_any_number_of_persons(refiner, encoded, counts):
    poses, queries, boxes = persons(sum(counts))
    queries.requires_grad_()
    steps = refiner(poses, queries, boxes, counts, encoded)
    losses = refiner.loss(steps, targets_of(poses, encoded, counts))
    assert set(losses) == {
        f'd{stage}.{name}'
        for stage in range(3)
        for name in ('loss_rle_refine', 'loss_oks_refine')
    }
    sum(losses.values()).backward()
    for name, parameter in refiner.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not sum(counts):
            assert (parameter.grad == 0).all()


def test_regions_outside_of_the_image_or_without_size(refiner, encoded):
    poses, queries, boxes = persons(4)
    boxes[0, :2], boxes[1, :2] = 5., -3.
    boxes[2, 2:] = 0.
    boxes[3, 2:] = 50.
    steps = refiner(poses, queries, boxes, [4, 0, 0], encoded)
    losses = refiner.loss(steps, targets_of(poses, encoded, [4, 0, 0]))
    sum(losses.values()).backward()
    for step in steps:
        assert step['keypoints'].isfinite().all()
    for parameter in refiner.parameters():
        assert parameter.grad.isfinite().all()


def test_truth_is_the_best_prediction(encoded):
    """The likelihood pulls towards the labelled keypoints."""
    module = make_refiner(loss_oks=None)
    poses, queries, boxes = persons(3)
    counts = [1, 1, 1]
    targets = targets_of(poses, encoded, counts)
    optimizer = torch.optim.Adam(module.branches.parameters(), 0.02)
    errors = []
    for _ in range(20):
        steps = module(poses, queries, boxes, counts, encoded)
        errors.append((steps[-1]['keypoints'] * targets.sizes[:, None] -
                       targets.keypoints).abs().mean().item())
        optimizer.zero_grad()
        sum(module.loss(steps, targets).values()).backward()
        optimizer.step()
    assert errors[-1] < 0.5 * errors[0]


def test_unlabelled_and_outside_keypoints_have_no_likelihood(encoded):
    module = make_refiner(loss_oks=None)
    poses, queries, boxes = persons(2)
    targets = targets_of(poses, encoded, [2, 0, 0])
    targets.labelled[0] = 0
    targets.keypoints[1] = 1e4
    steps = module(poses, queries, boxes, [2, 0, 0], encoded)
    for loss in module.loss(steps, targets).values():
        assert loss == 0


def test_other_skeletons_need_parts():
    with pytest.raises(InputError, match='no default for 5 keypoints'):
        make_refiner(num_keypoints=5, sigmas=[0.1] * 5)
    module = make_refiner(
        num_keypoints=5, sigmas=[0.1] * 5, part_groups=[[4, 0], [1, 2, 3]])
    assert module.part_query.weight.shape == (2, 16)


@pytest.fixture
def model(mmdet_scope):
    cfg = tiny_config(('pose', ))
    cfg['bbox_head']['task_heads']['pose']['refine'] = dict(
        type='PartQueryRefiner', **SMALL)
    return build_model(cfg)


def train(model, num_persons, dtype=torch.float64):
    """Losses of a step that reaches every parameter."""
    samples = [
        make_sample(number, seed=seed, dtype=dtype)
        for seed, number in enumerate(num_persons)
    ]
    model = model.to(dtype).train()
    losses = model.loss(make_images(samples, dtype=dtype), samples)
    for name, loss in losses.items():
        assert loss.isfinite(), name
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f'{name} is not used'
            assert parameter.grad.isfinite().all(), name
    return losses


@pytest.mark.parametrize('num_persons', [(0, 0), (3, 0), (60, 2)])
def test_training_step_of_hqnet(model, num_persons):
    losses = train(model, num_persons)
    assert 'd2.loss_rle_refine' in losses and 'd2.loss_oks_refine' in losses


@pytest.mark.parametrize(
    'box', [(8., 8., 8., 8.), (8., 8., -40., -40.)],
    ids=['outside of the image', 'without size'])
def test_training_step_of_hqnet_with_bad_regions(model, box):
    """All persons at the lower right corner, as large as the image or dots."""
    with torch.no_grad():
        for branch in model.bbox_head.reg_branches:
            branch[-1].weight.zero_()
            branch[-1].bias.copy_(torch.tensor(box))
    train(model, (3, 2))


def test_training_step_of_hqnet_with_certainty_without_reason(model):
    """Standard deviations of nothing, far from the truth."""
    with torch.no_grad():
        for branch in model.bbox_head.task_heads.pose.refine.branches:
            for linear in branch.sigma_branches:
                linear.bias.fill_(-1e3)
    train(model, (3, 2))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_training_step_of_hqnet_in_half_precision(model, dtype):
    with torch.autocast('cpu', dtype):
        losses = train(model, (2, 0), torch.float32)
    assert all(loss.dtype == torch.float32 for loss in losses.values())


def test_memory_is_that_of_a_chunk(refiner, encoded, saved_bytes):
    poses, queries, boxes = persons(60)
    refiner.convs.register_forward_hook(
        lambda *args: regions.append(len(args[-1])))
    sizes = {}
    for refiner.chunk_size in (60, 4):
        regions = []
        steps, sizes[refiner.chunk_size] = saved_bytes(
            lambda: refiner(poses, queries, boxes, [0, 60, 0], encoded))
        sum(step['mu'].sum() for step in steps).backward()
        assert max(regions) <= refiner.chunk_size
        assert sum(regions) == (60 if refiner.chunk_size == 60 else 120)
    assert sizes[4] < 0.1 * sizes[60]
    with torch.no_grad():
        regions = []
        refiner(poses, queries, boxes, [0, 60, 0], encoded)
    assert regions == [4] * 15


def test_prediction_of_hqnet(model, make_sample, make_images):
    samples = [make_sample(2, seed=0), make_sample(1, seed=1)]
    with torch.no_grad():
        results = model.eval().predict(make_images(samples), samples)
        alone, = model.predict(make_images(samples)[:1], samples[:1])
    persons = results[0].pred_instances
    assert persons.keypoints.shape == (10, K, 2)
    # Each keypoint has a score of its own.
    assert persons.keypoint_scores.std(1).min() > 0
    torch.testing.assert_close(persons.keypoints,
                               alone.pred_instances.keypoints)
