"""Which keypoints are seen: learnt beside the pose, of labelled ones only."""
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmhqnet.models.matching import Assignment
from mmhqnet.models.task_heads import PoseHead
from mmhqnet.structures.person_fields import FIELDS, Motion

NUM_LAYERS, NUM_QUERIES, DIMS, K = 3, 6, 32, 17
VISIBILITY = dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=2.0)


def build(randomise, visibility=VISIBILITY, refine=None):
    torch.manual_seed(0)
    head = PoseHead(
        embed_dims=DIMS,
        num_pred_layers=NUM_LAYERS,
        hidden_dims=24,
        visibility=visibility,
        refine=refine,
        heatmap=None)
    head.init_weights()
    return randomise(head).double()


@pytest.fixture
def samples(samples):
    """Person 1 has no keypoints."""
    samples[0].gt_instances.keypoints_visible[1] = 0
    return samples


def prepare(head, samples, encoded):
    return [
        head.prepare_targets(sample.gt_instances, image)
        for sample, image in zip(samples, encoded)
    ]


def answer(head, query, reference=None):
    """Outputs of all layers for queries (bs, num_queries, DIMS)."""
    if reference is None:
        reference = torch.zeros(*query.shape[:2], 4).double()
    layers = [head(query, reference, layer) for layer in range(NUM_LAYERS)]
    return {
        name: torch.stack([layer[name] for layer in layers])
        for name in layers[0]
    }


def test_loss_naive(randomise, samples, encoded, assignment):
    """Mean binary cross-entropy of labelled keypoints; others do not learn."""
    head = build(randomise)
    outputs = answer(head, torch.randn(2, NUM_QUERIES, DIMS).double())
    logits = outputs['visibility']
    logits.retain_grad()
    loss = head.loss(outputs, prepare(head, samples, encoded), assignment,
                     encoded)['loss_kpt_vis']
    loss.sum().backward()
    flags = torch.cat(
        [sample.gt_instances.keypoints_visible for sample in samples])
    for layer in range(NUM_LAYERS):
        terms = []
        learning = torch.zeros(2 * NUM_QUERIES, K, dtype=torch.bool)
        for query, person in zip(assignment.query_inds[layer],
                                 assignment.gt_inds[layer]):
            seen = logits[layer].flatten(0, 1)[query].sigmoid()
            terms += [
                -math.log(p if flag == 2 else 1 - p)
                for p, flag in zip(seen.tolist(), flags[person]) if flag > 0
            ]
            learning[query] = flags[person] > 0
        assert loss[layer].item() == pytest.approx(2 * sum(terms) / len(terms))
        assert logits.grad[layer].flatten(0, 1).bool().equal(learning)


def test_all_else_is_left_alone(randomise, samples, encoded, assignment):
    plain, head = (build(randomise, None), build(randomise))
    assert {
        name.split('.')[0]
        for name in head.state_dict().keys() - plain.state_dict().keys()
    } == {'visibility_branches'}
    head.load_state_dict(plain.state_dict(), strict=False)
    query = torch.randn(2, NUM_QUERIES, DIMS).double()
    targets = prepare(head, samples, encoded)
    losses = head.loss(answer(head, query), targets, assignment, encoded)
    assert losses.pop('loss_kpt_vis').shape == (NUM_LAYERS, )
    expected = plain.loss(answer(plain, query), targets, assignment, encoded)
    assert losses.keys() == expected.keys()
    assert all(losses[name].equal(loss) for name, loss in expected.items())


@pytest.mark.parametrize('refine', [None, 'PartQueryRefiner'])
def test_predicted_beside_the_scores(randomise, encoded, refine):
    if refine:
        refine = dict(type=refine, num_stages=1)
    plain, head = (
        build(randomise, visibility, refine).eval()
        for visibility in (None, VISIBILITY))
    plain.load_state_dict(head.state_dict(), strict=False)
    query, reference = torch.rand(2, 4, DIMS).double(), torch.rand(2, 4, 4)
    box = dict(queries=query, bboxes=torch.rand(2, 4, 4).double())
    outputs = head(query, reference.double(), 1)
    decoded = head.decode(outputs, box, encoded)
    assert decoded.pop('keypoints_visible').equal(
        outputs.pop('visibility').sigmoid())
    expected = plain.decode(outputs, box, encoded)
    assert decoded.keys() == expected.keys()
    assert all(decoded[name].equal(value) for name, value in expected.items())


def test_mirror_image(randomise, samples, encoded):
    """A left hand is visible where the right one was."""
    head = build(randomise)
    persons = samples[1].gt_instances
    pose = FIELDS['pose']
    pose = replace(pose, flip_indices=tuple(reversed(range(K))))
    height, width = samples[1].img_shape
    mirror = np.array([[-1., 0, width], [0, 1, 0], [0, 0, 1]])
    before = head.prepare_targets(persons, encoded[1])
    columns = pose.move(
        {name: persons[name].numpy()
         for name in pose.gt_columns},
        Motion(mirror, (width, height), True, np.ones(len(persons))))
    for name, values in columns.items():
        persons.set_field(torch.from_numpy(values), name)
    after = head.prepare_targets(persons, encoded[1])
    assert before.visible.any() and not before.visible.all()
    assert after.visible.equal(before.visible.flip(1))


def test_images_without_persons(randomise, make_sample, make_encoded):
    """Every parameter has a gradient, as data-parallel training needs it."""
    head = build(randomise)
    sample = make_sample(0)
    encoded = make_encoded([sample])
    outputs = answer(head,
                     torch.rand(1, NUM_QUERIES, DIMS).double(),
                     torch.rand(1, NUM_QUERIES, 4).double())
    nobody = torch.zeros(NUM_LAYERS, 0, dtype=torch.long)
    loss = head.loss(outputs, prepare(head, [sample], encoded),
                     Assignment(nobody, nobody, [0]), encoded)['loss_kpt_vis']
    loss.sum().backward()
    assert not loss.any()
    for parameter in head.visibility_branches.parameters():
        assert parameter.grad is not None and not parameter.grad.any()


def test_learnt(randomise, make_sample, make_encoded):
    """Whatever a query says in its first number, in all layers."""
    head = build(randomise)
    sample = make_sample(4)
    encoded = make_encoded([sample])
    query = torch.randn(1, 4, DIMS).double()
    flags = torch.where(query[0, :, :1] > query[0, :, 0].median(), 2., 1.)
    sample.gt_instances.keypoints_visible = flags.expand(-1, K)
    targets = prepare(head, [sample], encoded)
    pairs = torch.arange(4).expand(NUM_LAYERS, -1)
    assignment = Assignment(pairs, pairs, [4])
    optimizer = torch.optim.Adam(head.visibility_branches.parameters(), 0.02)
    for _ in range(30):
        outputs = answer(head, query)
        loss = head.loss(outputs, targets, assignment, encoded)['loss_kpt_vis']
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
    seen = outputs['visibility'][:, 0] > 0
    assert seen.equal((flags == 2).expand_as(seen))
