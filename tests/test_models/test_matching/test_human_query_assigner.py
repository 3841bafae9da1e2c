"""One call for all layers and images; naively, a loop of single matchings."""
import itertools

import numpy as np
import pytest
import torch
from mmdet.models.dense_heads import DINOHead
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment

from mmhqnet.models.matching import (Assignment, HumanQueryAssigner,
                                     denoising_assignment)
from mmhqnet.registry import TASK_UTILS

COSTS = [
    dict(type='FocalLossCost', weight=1.0),
    dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
    dict(type='IoUCost', iou_mode='giou', weight=2.0)
]


@pytest.fixture
def assigner():
    return TASK_UTILS.build(dict(type='HumanQueryAssigner', match_costs=COSTS))


def naive(costs):
    """Pairs (query, person) of each layer, both counted over the batch."""
    num_layers, num_queries = costs[0].shape[:2]
    layers = []
    for layer in range(num_layers):
        pairs, first = [], 0
        for image, cost in enumerate(costs):
            for row, column in zip(*linear_sum_assignment(cost[layer])):
                pairs.append((row + image * num_queries, column + first))
            first += cost.shape[-1]
        layers.append(pairs)
    return layers


@pytest.mark.parametrize('ties', [True, False])
@pytest.mark.parametrize('persons', [(2, 3), (4, ), (0, 5, 1), (0, ), (9, 2)])
def test_assign_naive(assigner, persons, ties):
    """Also equal costs, images without persons, and more persons than
    queries."""
    torch.manual_seed(0)
    costs = [torch.randn(3, 6, number).double() for number in persons]
    if ties:
        costs = [cost.round() for cost in costs]
    assignment = assigner.assign(costs)
    pairs = torch.stack([assignment.query_inds, assignment.gt_inds], -1)
    expected = naive([cost.numpy() for cost in costs])
    assert pairs.tolist() == [[list(map(int, pair)) for pair in layer]
                              for layer in expected]
    assert pairs.dtype == torch.int64
    assert assignment.pairs_per_image == [min(number, 6) for number in persons]
    assert pairs.shape == (3, sum(assignment.pairs_per_image), 2)


def test_assign_is_optimal(assigner):
    """Against all permutations."""
    torch.manual_seed(0)
    cost = torch.randn(4, 5, 3)
    assignment = assigner.assign([cost])
    for layer in range(4):
        total = cost[layer, assignment.query_inds[layer],
                     assignment.gt_inds[layer]].sum().item()
        best = min(
            sum(cost[layer, q, g].item() for g, q in enumerate(queries))
            for queries in itertools.permutations(range(5), 3))
        assert total == pytest.approx(best)


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_overflow_does_not_end_the_training(assigner, bad):
    cost = torch.rand(2, 4, 3)
    cost[0, 1] = bad
    assignment = assigner.assign([cost])
    assert sorted(assignment.gt_inds[0].tolist()) == [0, 1, 2]
    if bad > 0 or bad != bad:  # nobody gets that query
        assert 1 not in assignment.query_inds[0]
    cost[:] = float('nan')
    assert assigner.assign([cost]).query_inds.shape == (2, 3)


def test_assignment_picks_queries_and_persons():
    """Two images of two queries and one and two persons; two layers."""
    assignment = Assignment(
        query_inds=torch.tensor([[1, 2, 3], [0, 2, 3]]),
        gt_inds=torch.tensor([[0, 2, 1], [0, 1, 2]]),
        pairs_per_image=[1, 2])
    outputs = torch.arange(2 * 2 * 2 * 3).view(2, 2, 2, 3)
    picked = assignment.queries(outputs)
    assert picked.equal(
        torch.stack([
            outputs[0].flatten(0, 1)[[1, 2, 3]],
            outputs[1].flatten(0, 1)[[0, 2, 3]]
        ]))
    persons = assignment.persons(
        [torch.tensor([10.]), torch.tensor([20., 30.])])
    assert persons.tolist() == [[10., 30., 20.], [10., 20., 30.]]
    nobody = Assignment(
        torch.zeros(2, 0).long(),
        torch.zeros(2, 0).long(), [0, 0])
    assert nobody.queries(outputs).shape == (2, 0, 3)
    assert nobody.persons([torch.zeros(0, 5, 2)] * 2).shape == (2, 0, 5, 2)


def box_costs_naive(logits, boxes, persons, size):
    """Focal cost, L1 of normalised cxcywh, and generalised IoU, in loops."""

    def cxcywh(box):
        x1, y1, x2, y2 = box / size
        return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])

    def giou(a, b):
        inner = np.maximum(
            np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
        outer = (np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2])).prod()
        union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
        return inner / union - (outer - union) / outer

    cost = np.zeros((len(boxes), len(persons)))
    for i, (logit, box) in enumerate(zip(logits, boxes)):
        p = 1 / (1 + np.exp(-logit))
        focal = (-np.log(p + 1e-12) * 0.25 * (1 - p)**2 +
                 np.log(1 - p + 1e-12) * 0.75 * p**2)
        for j, person in enumerate(persons):
            l1 = np.abs(cxcywh(box) - cxcywh(person)).sum()
            cost[i, j] = focal + 5 * l1 - 2 * giou(box, person)
    return cost


def test_box_cost_naive(assigner, make_sample):
    queries = make_sample(7, seed=1).gt_instances.bboxes
    persons = make_sample(3, seed=2).gt_instances
    logits = torch.randn(7, 1).double()
    cost = assigner.box_cost(
        InstanceData(scores=logits, bboxes=queries), persons,
        dict(img_shape=(64, 96)))
    expected = box_costs_naive(logits[:, 0].numpy(), queries.numpy(),
                               persons.bboxes.numpy(),
                               np.array([96, 64, 96, 64]))
    torch.testing.assert_close(
        cost, torch.tensor(expected), rtol=1e-6, atol=1e-6)
    nobody = assigner.box_cost(
        InstanceData(scores=logits, bboxes=queries), persons[:0],
        dict(img_shape=(64, 96)))
    assert nobody.shape == (7, 0)


@pytest.mark.parametrize('numbers', [(3, 1), (2, ), (0, 2), (2, 2, 2), (0, )])
def test_denoising_assignment_is_mmdets(numbers, make_sample):
    num_groups, longest = 3, max(numbers)
    assignment = denoising_assignment(numbers, num_groups, 2, 'cpu')
    samples = [
        make_sample(number, seed=seed, dtype=torch.float32)
        for seed, number in enumerate(numbers)
    ]
    num_dn = 2 * longest * num_groups
    head = DINOHead(
        num_classes=1, loss_cls=dict(type='FocalLoss', use_sigmoid=True))
    queries, boxes = [], []
    for image, sample in enumerate(samples):
        targets = head._get_dn_targets_single(
            sample.gt_instances, sample.metainfo,
            dict(
                num_denoising_groups=num_groups, num_denoising_queries=num_dn))
        positives = targets[4]
        queries += (positives + image * num_dn).tolist()
        boxes.append(targets[2][positives])
    assert assignment.query_inds.tolist() == [queries] * 2
    boxes_of_persons = assignment.persons([
        torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], 1)
        for b in (sample.gt_instances.bboxes / torch.tensor([96, 64, 96, 64])
                  for sample in samples)
    ])
    torch.testing.assert_close(boxes_of_persons[1], torch.cat(boxes))
    assert assignment.pairs_per_image == [
        number * num_groups for number in numbers
    ]


def test_is_found_by_name():
    assert TASK_UTILS.get('HumanQueryAssigner') is HumanQueryAssigner
