import math

import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.models.matching import Assignment
from mmhqnet.models.task_heads import (AgeHead, CategoryHead, GenderHead,
                                       NumberHead, attribute)

NUM_LAYERS, NUM_QUERIES, DIMS = 3, 4, 16
EPS = float(torch.finfo(torch.float32).eps)
HEADS = dict(genders=GenderHead, ages=AgeHead)


@pytest.fixture
def samples(make_sample):
    """Person 1 has no gender, person 2 no age, person 4 none of the two."""
    samples = [make_sample(2, seed=1), make_sample(3, seed=2)]
    samples[0].gt_instances.genders[:] = torch.tensor([1, -1])
    samples[1].gt_instances.genders[:] = torch.tensor([0, 1, -1])
    samples[0].gt_instances.ages[:] = torch.tensor([84, 3])
    samples[1].gt_instances.ages[:] = torch.tensor([-1, 0, -1])
    return samples


@pytest.fixture
def assignment():
    return Assignment(
        query_inds=torch.tensor([[1, 3, 4, 5, 7], [0, 1, 4, 6, 7],
                                 [2, 3, 5, 6, 7]]),
        gt_inds=torch.tensor([[0, 1, 2, 3, 4], [1, 0, 4, 2, 3],
                              [1, 0, 3, 4, 2]]),
        pairs_per_image=[2, 3])


def build(field, **kwargs):
    torch.manual_seed(0)
    return HEADS[field](
        embed_dims=DIMS, num_pred_layers=NUM_LAYERS, **kwargs).double()


def logits_for(head):
    num_outputs = 1 if isinstance(head, GenderHead) else 85
    generator = torch.Generator().manual_seed(1)
    return torch.randn(
        NUM_LAYERS, 2, NUM_QUERIES, num_outputs,
        generator=generator).double().requires_grad_()


def loss_naive(field, logits, label):
    if field == 'genders':
        p_female = 1 / (1 + math.exp(-logits.item()))
        return -math.log(p_female if label == 1 else 1 - p_female)
    prob = logits.softmax(0).tolist()
    mean = sum(i * p for i, p in enumerate(prob))
    variance = sum(p * (i - mean)**2 for i, p in enumerate(prob))
    return 0.1 * (0.02 *
                  (mean - label)**2 + 0.1 * variance - math.log(prob[label]))


@pytest.mark.parametrize('field', HEADS)
def test_loss_naive(samples, assignment, field):
    head = build(field)
    logits = logits_for(head)
    losses = head.loss(
        dict(logits=logits), [sample.gt_instances for sample in samples],
        assignment, None)
    labels = torch.cat([sample.gt_instances[field]
                        for sample in samples]).tolist()
    known = sum(label >= 0 for label in labels)
    assert losses.keys() == {
        'loss_gender' if field == 'genders' else 'loss_age'
    }
    loss, = losses.values()
    for layer in range(NUM_LAYERS):
        expected = 0.
        for query, person in zip(assignment.query_inds[layer],
                                 assignment.gt_inds[layer]):
            if labels[person] >= 0:
                expected += loss_naive(field, logits[layer].flatten(0,
                                                                    1)[query],
                                       labels[person])
        assert loss[layer].item() == pytest.approx(expected / (known + EPS))


@pytest.mark.parametrize('field', HEADS)
def test_only_labelled_persons_give_gradient(samples, assignment, field):
    head = build(field)
    logits = logits_for(head)
    loss, = head.loss(
        dict(logits=logits), [sample.gt_instances for sample in samples],
        assignment, None).values()
    loss.sum().backward()
    labels = torch.cat([sample.gt_instances[field] for sample in samples])
    for layer in range(NUM_LAYERS):
        learning = torch.zeros(2 * NUM_QUERIES, dtype=torch.bool)
        learning[assignment.query_inds[layer]] = labels[
            assignment.gt_inds[layer]] >= 0
        assert logits.grad[layer].flatten(0, 1).any(-1).equal(learning)


@pytest.mark.parametrize('field', HEADS)
def test_nobody_is_labelled_or_there(samples, assignment, field):
    head = build(field)
    logits = logits_for(head)
    for sample in samples:
        sample.gt_instances[field][:] = -1
    nobody = Assignment(
        torch.zeros(3, 0).long(),
        torch.zeros(3, 0).long(), [0, 0])
    for persons, pairs in (([s.gt_instances for s in samples], assignment),
                           ([s.gt_instances[:0] for s in samples], nobody)):
        loss, = head.loss(dict(logits=logits), persons, pairs, None).values()
        assert loss.tolist() == [0.] * NUM_LAYERS
        gradient, = torch.autograd.grad(loss.sum(), logits)
        assert not gradient.any()


@pytest.mark.parametrize('field', HEADS)
def test_average_is_of_this_process_alone(samples, assignment, field,
                                          monkeypatch):
    """As in the released code."""
    head = build(field)
    calls = []
    normaliser = attribute.normaliser

    def spy(weight, sync=True):
        calls.append(sync)
        return normaliser(weight, sync)

    monkeypatch.setattr(attribute, 'normaliser', spy)
    head.loss(
        dict(logits=logits_for(head)), [s.gt_instances for s in samples],
        assignment, None)
    assert calls == [False]


@pytest.mark.parametrize('num_fcs, shapes', [(1, [(85, DIMS)]),
                                             (2, [(DIMS, DIMS), (85, DIMS)])])
def test_number_of_layers(num_fcs, shapes):
    """One in the released code, two in the paper."""
    head = build('ages', num_fcs=num_fcs)
    assert [
        tuple(parameter.shape) for parameter in head.branches[2].parameters()
        if parameter.dim() == 2
    ] == shapes
    head.init_weights()
    for branch in head.branches:
        bias = branch[-1].bias
        torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, 0.01))
    query = torch.randn(2, NUM_QUERIES, DIMS).double()
    assert head(query, None, 2)['logits'].equal(head.branches[2](query))


def test_ages_above_the_last_bin_are_the_last():
    head = build('ages', num_ages=50)
    logits = torch.randn(1, 2, 50).double()
    loss = head.loss_of_pairs(logits, torch.tensor([[49, 84]]))
    expected = head.loss_of_pairs(logits, torch.tensor([[49, 49]]))
    assert loss.equal(expected)


def test_predicted_gender():
    """A positive logit is female, 1."""
    head = build('genders')
    logits = torch.tensor([[[2.], [-3.]], [[0.], [0.1]]])
    decoded = head.decode(dict(logits=logits), {}, None)
    results = head.pack(decoded, None, [], rescale=True)
    assert [result['genders'].tolist() for result in results] == [[1, 0],
                                                                  [0, 1]]
    for result, logit in zip(results, logits):
        assert result.keys() == {'genders', 'gender_scores'}
        assert result['genders'].dtype == torch.int64
        assert result['gender_scores'].equal(logit[:, 0].sigmoid())


def test_predicted_age():
    """The expected value in years, not rounded."""
    head = build('ages')
    logits = torch.full((1, 2, 85), -1e3)
    logits[0, 0, 30] = 0
    logits[0, 1, [10, 11]] = 0
    decoded = head.decode(dict(logits=logits), {}, None)
    result, = head.pack(decoded, None, [], rescale=True)
    assert result.keys() == {'ages'}
    assert result['ages'].tolist() == [30., 10.5]


LABELS = dict(
    helmet=[torch.tensor([2, -1]),
            torch.tensor([0, 1, -1])],
    height=[torch.tensor([180., -5]),
            torch.tensor([float('nan'), 90, 0])])


def build_generic(field):
    torch.manual_seed(0)
    options = dict(embed_dims=DIMS, num_pred_layers=NUM_LAYERS, field=field)
    if field == 'helmet':
        return CategoryHead(num_classes=3, **options).double()
    return NumberHead(mean=150., std=20., **options).double()


@pytest.fixture
def labelled(samples):
    for field, labels in LABELS.items():
        for sample, values in zip(samples, labels):
            sample.gt_instances[field] = values
    return [sample.gt_instances for sample in samples]


@pytest.mark.parametrize('field', LABELS)
def test_generic_loss_naive(labelled, assignment, field):
    head = build_generic(field)
    logits = torch.randn(
        NUM_LAYERS,
        2,
        NUM_QUERIES,
        3 if field == 'helmet' else 1,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(1)).requires_grad_()
    losses = head.loss(dict(logits=logits), labelled, assignment, None)
    assert set(losses) == {f'loss_{field}'}
    flat, labels = logits.flatten(1, 2), torch.cat(LABELS[field])
    for layer in range(NUM_LAYERS):
        naive = []
        for query, person in zip(assignment.query_inds[layer],
                                 assignment.gt_inds[layer]):
            label = labels[person].item()
            if field == 'helmet' and label >= 0:
                naive.append(-flat[layer, query].log_softmax(0)[label].item())
            elif field == 'height' and not math.isnan(label):
                naive.append(
                    abs(flat[layer, query].item() - (label - 150) / 20))
        assert len(naive) == (3 if field == 'helmet' else 4)
        assert losses[f'loss_{field}'][layer].item() == pytest.approx(
            sum(naive) / len(naive), abs=1e-6)
    losses[f'loss_{field}'].sum().backward()
    assert logits.grad.isfinite().all()
    # Whoever is not labelled gives no gradient.
    unknown = labels.isnan() if field == 'height' else labels < 0
    grad = assignment.queries(logits.grad)
    assert not grad[unknown[assignment.gt_inds]].any()
    assert grad[~unknown[assignment.gt_inds]].any()


@pytest.mark.parametrize('field', LABELS)
def test_generic_heads_with_nobody(labelled, field):
    nobody = Assignment(
        query_inds=torch.zeros(NUM_LAYERS, 0, dtype=torch.long),
        gt_inds=torch.zeros(NUM_LAYERS, 0, dtype=torch.long),
        pairs_per_image=[0, 0])
    head = build_generic(field)
    query = torch.randn(2, NUM_QUERIES, DIMS, dtype=torch.float64)
    outputs = head(query, None, 0)['logits'].expand(NUM_LAYERS, -1, -1, -1)
    losses = head.loss(
        dict(logits=outputs), [gt[:0] for gt in labelled], nobody, None)
    assert losses[f'loss_{field}'].tolist() == [0] * NUM_LAYERS
    losses[f'loss_{field}'].sum().backward()


def test_generic_predictions():
    logits = torch.tensor([[[0., 2, 1], [3, 0, 0]]]).double()
    decoded = build_generic('helmet').decode(dict(logits=logits), {}, None)
    assert decoded['helmet'].tolist() == [[1, 0]]
    torch.testing.assert_close(decoded['helmet_scores'],
                               logits.softmax(-1).max(-1).values)
    logits = torch.tensor([[[0.], [1.5]]])
    decoded = build_generic('height').decode(dict(logits=logits), {}, None)
    assert decoded['height'].tolist() == [[150, 180]]


def test_a_number_is_its_mean_at_first():
    head = build_generic('height')
    head.init_weights()
    assert all(branch[-1].bias.item() == 0 for branch in head.branches)


def test_missing_labels_are_named(samples):
    with pytest.raises(InputError, match='no .helmet.; add person_fields.hel'):
        build_generic('helmet').prepare_targets(samples[0].gt_instances, None)
