"""One matching for all tasks, box losses, predictions, and bad configs."""
import copy

import pytest
import torch
from mmdet.models.layers import inverse_sigmoid
from mmdet.structures.bbox import bbox_overlaps
from scipy.optimize import linear_sum_assignment

from mmhqnet.errors import InputError
from mmhqnet.models.heads.hqnet_head import _stack
from mmhqnet.registry import MODELS

EPS = float(torch.finfo(torch.float32).eps)
NUM_LAYERS, NUM_QUERIES, DIMS = 3, 6, 32


@pytest.fixture
def model(build_model):
    return build_model()


@pytest.fixture
def head(model):
    return model.bbox_head


@pytest.fixture
def samples(make_sample):
    """Two images on one canvas; somebody lacks a mask, somebody a pose."""
    samples = [
        make_sample(number, shape, canvas=(64, 96), seed=number)
        for number, shape in ((2, (64, 96)), (3, (50, 77)))
    ]
    samples[0].gt_instances.mask_valid[1] = False
    samples[1].gt_instances.keypoints_visible[0] = 0
    return samples


@pytest.fixture
def encoded(samples, make_encoded):
    return make_encoded(samples)


@pytest.fixture
def outputs(head):
    """Outputs of all layers for random queries and references."""
    generator = torch.Generator().manual_seed(0)

    def randn(*size):
        return torch.randn(*size, generator=generator).double()

    layers = [
        head.forward_layer(
            randn(2, NUM_QUERIES, DIMS), randn(2, NUM_QUERIES, 4), layer)
        for layer in range(NUM_LAYERS)
    ]
    return {
        name: _stack([layer[name] for layer in layers])
        for name in layers[0]
    }


def prepare(head, samples, encoded):
    return {
        name: [
            task.prepare_targets(sample.gt_instances, image)
            for sample, image in zip(samples, encoded)
        ]
        for name, task in head.task_heads.items()
    }


def corners(boxes):
    return torch.cat([
        boxes[..., :2] - boxes[..., 2:] / 2,
        boxes[..., :2] + boxes[..., 2:] / 2
    ], -1)


def normalised(sample):
    """Persons as cxcywh in [0, 1], and the image's (w, h, w, h)."""
    height, width = sample.img_shape
    size = torch.tensor([width, height, width, height]).double()
    boxes = sample.gt_instances.bboxes / size
    return torch.cat(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]],
        -1), size


def box_cost_naive(logits, boxes, sample):
    """Focal, L1 and generalised IoU costs of one layer and image."""
    persons, size = normalised(sample)
    prob = logits.sigmoid()
    focal = (-(prob + 1e-12).log() * 0.25 * (1 - prob)**2 +
             (1 - prob + 1e-12).log() * 0.75 * prob**2)
    l1 = (boxes[:, None] - persons).abs().sum(-1)
    giou = bbox_overlaps(
        corners(boxes) * size, sample.gt_instances.bboxes, 'giou')
    return focal + 5 * l1 - 2 * giou


def test_match_naive(head, outputs, samples, encoded, same_points):
    """All layers of an image at once, or each for itself.

    The costs of the tasks are checked against loops where the tasks are.
    """
    targets = prepare(head, samples, encoded)
    persons = [sample.gt_instances for sample in samples]
    assignment = head.match(outputs, targets, persons, encoded)
    assert assignment.pairs_per_image == [2, 3]
    for layer in range(NUM_LAYERS):
        expected, first = [], 0
        for image, sample in enumerate(samples):
            box = outputs['box']
            cost = box_cost_naive(box['cls_scores'][layer, image],
                                  box['bboxes'][layer, image], sample)
            for name in ('mask', 'pose'):
                rows = {
                    key: value[layer, image]
                    for key, value in outputs[name].items()
                }
                cost = cost + head.task_heads[name].match_cost(
                    rows, targets[name][image], encoded[image])
            pairs = linear_sum_assignment(cost.detach().numpy())
            expected += [(q + image * NUM_QUERIES, p + first)
                         for q, p in zip(*pairs)]
            first += len(persons[image])
        ours = zip(assignment.query_inds[layer].tolist(),
                   assignment.gt_inds[layer].tolist())
        assert list(ours) == expected


def test_match_of_twins(head, outputs, samples, encoded, same_points):
    """Equal costs: two equal persons and two equal queries, one pair each."""
    twin = samples[0].gt_instances
    samples[0].gt_instances = twin[torch.tensor([0, 0])]
    for task in outputs.values():
        for value in task.values():
            value[:, 0, 1:] = value[:, 0, :1]
    targets = prepare(head, samples, encoded)
    assignment = head.match(outputs, targets,
                            [s.gt_instances for s in samples], encoded)
    for layer in range(NUM_LAYERS):
        assert sorted(assignment.gt_inds[layer, :2].tolist()) == [0, 1]
        assert len(set(assignment.query_inds[layer, :2].tolist())) == 2


def test_match_costs_no_gradient(head, outputs, samples, encoded):
    encoded.pixel_embedding.requires_grad_()
    assignment = head.match(outputs, prepare(head, samples, encoded),
                            [s.gt_instances for s in samples], encoded)
    assert not assignment.query_inds.requires_grad


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_match_under_autocast(build_model, make_sample, make_encoded,
                              same_points, monkeypatch, dtype):
    """The same costs: half precision would overflow on large masks."""
    head = build_model(dtype=torch.float32).bbox_head
    head.task_heads['mask'].num_points = 10000
    sample = make_sample(2, dtype=torch.float32)
    sample.gt_instances.masks.masks[:] = 1
    encoded = make_encoded([sample], dtype=torch.float32)
    outputs = head.forward_layer(
        torch.randn(1, NUM_QUERIES, DIMS), torch.randn(1, NUM_QUERIES, 4), 0)
    outputs['mask']['mask_embedding'] *= 100
    outputs = {name: _stack([output]) for name, output in outputs.items()}
    costs = []
    monkeypatch.setattr(head.assigner, 'assign', costs.extend)
    for enabled in (False, True):
        with torch.autocast('cpu', dtype=dtype, enabled=enabled):
            head.match(outputs, prepare(head, [sample], encoded),
                       [sample.gt_instances], encoded)
    assert costs[0].max() > 100 and costs[0].isfinite().all()
    assert costs[1].equal(costs[0])


def test_box_losses_naive(head, outputs, samples, encoded, same_points):
    persons = [sample.gt_instances for sample in samples]
    assignment = head.match(outputs, prepare(head, samples, encoded), persons,
                            encoded)
    losses = head._box_losses(outputs['box'], persons, assignment, encoded)
    targets = [normalised(sample) for sample in samples]
    every = [(box, size) for boxes, size in targets for box in boxes]
    for layer in range(NUM_LAYERS):
        person_of = dict(
            zip(assignment.query_inds[layer].tolist(),
                assignment.gt_inds[layer].tolist()))
        boxes = outputs['box']['bboxes'][layer].flatten(0, 1)
        focal = l1 = giou = 0.
        for query, logit in enumerate(
                outputs['box']['cls_scores'][layer].flatten()):
            prob = logit.sigmoid()
            if query not in person_of:
                focal -= (1 - prob).log() * 0.75 * prob**2
                continue
            focal -= prob.log() * 0.25 * (1 - prob)**2
            box, size = every[person_of[query]]
            l1 += 5 * (boxes[query] - box).abs().sum()
            giou += 2 * (1 - bbox_overlaps(
                corners(boxes[query:query + 1]) * size,
                corners(box[None]) * size, 'giou').sum())
        for name, value in dict(
                loss_cls=focal, loss_bbox=l1, loss_iou=giou).items():
            torch.testing.assert_close(
                losses[name][layer], value / (5 + EPS), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('loss', ['QualityFocalLoss', 'VarifocalLoss'])
def test_scores_that_learn_the_iou(head, outputs, samples, encoded, loss,
                                   same_points):
    """The loss pulls a matched query's score to the IoU, others to 0."""
    head.loss_cls = MODELS.build(dict(type=loss, use_sigmoid=True))
    persons = [sample.gt_instances for sample in samples]
    assignment = head.match(outputs, prepare(head, samples, encoded), persons,
                            encoded)
    box = outputs['box']
    ious = torch.zeros_like(box['cls_scores'].detach()).flatten(1)
    boxes, sizes = (torch.cat(values) for values in zip(
        *([boxes, size.expand_as(boxes)]
          for boxes, size in map(normalised, samples))))
    for layer in range(NUM_LAYERS):
        queries = assignment.query_inds[layer]
        gts = assignment.gt_inds[layer]
        ious[layer, queries] = bbox_overlaps(
            corners(box['bboxes'][layer].detach().flatten(0, 1)[queries]) *
            sizes[gts],
            corners(boxes[gts]) * sizes[gts],
            is_aligned=True)
    assert (ious > 0).any()

    def slopes(scores):
        logits = inverse_sigmoid(scores).view_as(box['cls_scores'])
        logits.requires_grad_()
        loss = head._box_losses(
            dict(box, cls_scores=logits), persons, assignment, encoded)
        loss['loss_cls'].sum().backward()
        return logits.grad.flatten(1)

    step = 0.05
    fits = ious > step
    assert fits.any()
    assert (slopes(ious.clamp(min=1e-3) + step)[fits] > 0).all()
    assert (slopes((ious - step).clamp(min=1e-3))[fits] < 0).all()
    assert (slopes(torch.full_like(ious, 0.5))[ious == 0] > 0).all()


def test_names_of_losses_are_dinos(model, samples, make_images):
    losses = model.train().loss(make_images(samples), samples)
    per_layer = {
        'loss_cls', 'loss_bbox', 'loss_iou', 'loss_mask', 'loss_dice',
        'loss_kpt_cls', 'loss_kpt', 'loss_gender', 'loss_age'
    }
    expected = {
        f'{prefix}{name}'
        for prefix in ('', 'd0.', 'enc_')
        for name in per_layer
    }
    expected |= {'loss_oks', 'd0.loss_oks', 'loss_hm'}
    expected |= {
        f'd{layer}.loss_{name}_refine'
        for layer in (0, 1)
        for name in ('kpt', 'oks')
    }
    expected |= {
        f'{prefix}dn_loss_{name}'
        for prefix in ('', 'd0.')
        for name in ('cls', 'bbox', 'iou')
    }
    assert losses.keys() == expected


def with_denoising(tiny_config, build_model, *tasks):
    """A model with several groups of denoising queries that learn tasks."""
    cfg = tiny_config()
    cfg['dn_cfg']['group_cfg']['num_dn_queries'] = 16
    for name in tasks:
        cfg['bbox_head']['task_heads'][name]['denoise'] = True
    return build_model(cfg).train()


def test_denoising_queries_may_learn_tasks(tiny_config, build_model, samples,
                                           make_images):
    names = {}
    for tasks in ((), ('mask', 'pose', 'age')):
        model = with_denoising(tiny_config, build_model, *tasks)
        losses = model.loss(make_images(samples), samples)
        names[tasks] = losses.keys()
    assert names['mask', 'pose', 'age'] - names[()] == {
        f'{prefix}dn_loss_{name}'
        for prefix in ('', 'd0.')
        for name in ('mask', 'dice', 'kpt', 'kpt_cls', 'oks', 'age')
    }


def test_denoising_losses_of_poses_naive(tiny_config, build_model, samples,
                                         make_images, monkeypatch):
    """Every positive query of a group learns the pose it was made from."""
    model = with_denoising(tiny_config, build_model, 'pose')
    head, inputs = model.bbox_head, {}
    loss = head.loss
    monkeypatch.setattr(
        head, 'loss', lambda *args, **kwargs:
        (inputs.update(kwargs), loss(*args, **kwargs))[1])
    losses = model.loss(make_images(samples), samples)
    groups = inputs['dn_meta']['num_denoising_groups']
    assert groups > 1
    for layer, name in enumerate(('d0.dn_loss_kpt', 'dn_loss_kpt')):
        keypoints = head.forward_layer(
            inputs['hidden_states'][layer],
            inverse_sigmoid(inputs['references'][layer], 1e-3),
            layer)['pose']['keypoints']
        distances, labelled = 0., 0
        for image, sample in enumerate(samples):
            persons = sample.gt_instances
            size = torch.tensor(sample.img_shape[::-1]).double()
            for group in range(groups):
                first = group * 2 * 3  # three persons in the fuller image
                for person in range(len(persons)):
                    seen = persons.keypoints_visible[person] > 0
                    target = persons.keypoints[person] / size
                    pred = keypoints[image, first + person]
                    distances += (pred - target)[seen].abs().sum()
                    labelled += 2 * seen.sum()
        torch.testing.assert_close(losses[name], 50 * distances / labelled)


def test_layers_have_their_own_branches(head):
    """Three copies of every branch, the last for the encoder's proposals."""
    query, reference = torch.randn(1, 2, DIMS).double(), torch.zeros(1, 2, 4)
    outputs = [head.forward_layer(query, reference, i) for i in range(3)]
    for task in ('box', 'mask', 'pose', 'gender', 'age'):
        for name, value in outputs[0][task].items():
            if name != 'queries':
                assert not value.allclose(outputs[1][task][name])
                assert not value.allclose(outputs[2][task][name])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_outputs_under_autocast_are_float32(build_model, dtype):
    head = build_model(dtype=torch.float32).bbox_head
    query, reference = torch.randn(1, 2, DIMS), torch.zeros(1, 2, 4)
    with torch.autocast('cpu', dtype=dtype):
        assert head.cls_branches[0](query).dtype == dtype
        outputs = head.forward_layer(query, reference, 0)
    for task in outputs.values():
        for name, output in task.items():
            assert output.dtype == torch.float32, name


@pytest.mark.parametrize('task, message', [
    (dict(type='MaskHed'), "unknown task head 'MaskHed'"),
    (dict(num_points=9), 'must be None or a dict with `type`'),
    ('MaskHead', 'must be None or a dict with `type`'),
    (dict(type='L1Loss'), "unknown task head 'L1Loss'"),
])
def test_bad_task(tiny_config, task, message):
    """The error names the key, the value and the choices."""
    cfg = tiny_config()
    cfg['bbox_head']['task_heads']['shape'] = task
    with pytest.raises(InputError) as error:
        MODELS.build(cfg)
    line = str(error.value)
    assert message in line and 'model.bbox_head.task_heads.shape' in line
    assert '\n' not in line
    if 'unknown' in message:
        for name in ('AgeHead', 'GenderHead', 'MaskHead', 'PoseHead'):
            assert name in line


def test_name_of_the_detector_itself(tiny_config):
    """A task named `box` would be mistaken for the boxes."""
    cfg = tiny_config()
    cfg['bbox_head']['task_heads']['box'] = dict(type='GenderHead')
    with pytest.raises(InputError, match='box'):
        MODELS.build(cfg)


def test_without_any_task_heads(tiny_config, build_model):
    cfg = tiny_config(tasks=())
    del cfg['bbox_head']['task_heads']
    head = build_model(cfg).bbox_head
    assert len(head.task_heads) == 0 and not head.needs_pixel_embedding


@pytest.mark.parametrize('sync', [True, False])
def test_sync_cls_avg_factor(tiny_config, build_model, make_sample,
                             make_images, monkeypatch, sync):
    """Whether the class loss divides by the persons of all processes.

    As in mmdet, the other losses always do.
    """
    samples = [make_sample()]
    images = make_images(samples)
    cfg = tiny_config(tasks=())
    cfg['bbox_head']['sync_cls_avg_factor'] = sync
    model = build_model(cfg).train()

    def loss_with_peers(factor):
        """Peers have so many times our persons, on average."""
        monkeypatch.setattr('mmhqnet.models.losses.reduction.reduce_mean',
                            lambda total: total * factor)
        torch.manual_seed(0)
        return model.loss(images, copy.deepcopy(samples))

    alone, together = loss_with_peers(1), loss_with_peers(2)
    for name, loss in alone.items():
        halved = sync or 'cls' not in name
        torch.testing.assert_close(
            together[name], loss / 2 if halved else loss, rtol=1e-6, atol=0)
