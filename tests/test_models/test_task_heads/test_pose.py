"""Poses: costs and losses against loops over queries and persons."""
import math

import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.models.losses import COCO_SIGMAS
from mmhqnet.models.matching import Assignment
from mmhqnet.models.task_heads import PoseHead

SHAPES = [(64, 96), (50, 77)]
NUM_LAYERS, NUM_QUERIES, DIMS, K = 3, 6, 32, 17
EPS = float(torch.finfo(torch.float32).eps)
SMALL = dict(feedforward_channels=40, dropout=0.0)


def build(randomise, **kwargs):
    torch.manual_seed(0)
    head = PoseHead(
        embed_dims=DIMS,
        num_pred_layers=NUM_LAYERS,
        hidden_dims=24,
        **{
            'refine': dict(type='PoseRefinementDecoder', **SMALL),
            'heatmap': dict(type='KeypointHeatmap', **SMALL),
            **kwargs
        })
    head.init_weights()
    return randomise(head).double()


@pytest.fixture
def head(randomise):
    return build(randomise)


@pytest.fixture
def samples(samples):
    """Person 1 has no keypoints; coordinates of others are missing, too."""
    samples[0].gt_instances.keypoints_visible[1] = 0
    return samples


@pytest.fixture
def outputs():
    generator = torch.Generator().manual_seed(1)
    shape = (NUM_LAYERS, 2, NUM_QUERIES)
    return dict(
        keypoints=torch.rand(*shape, K, 2, generator=generator).double(),
        kpt_cls=torch.randn(*shape, 1, generator=generator).double())


@pytest.fixture
def box():
    """What the tasks share: queries and their boxes."""
    generator = torch.Generator().manual_seed(2)
    shape = (NUM_LAYERS, 2, NUM_QUERIES)
    return dict(
        queries=torch.randn(*shape, DIMS, generator=generator).double(),
        bboxes=torch.rand(*shape, 4, generator=generator).double())


def prepare(head, samples, encoded):
    return [
        head.prepare_targets(sample.gt_instances, image)
        for sample, image in zip(samples, encoded)
    ]


def persons_of(samples):
    """(image size, keypoints, labelled, area) of every person."""
    return [((sample.img_shape[1],
              sample.img_shape[0]), persons.keypoints[i].tolist(),
             (persons.keypoints_visible[i]
              > 0).tolist(), persons.areas[i].item()) for sample in samples
            for persons in [sample.gt_instances] for i in range(len(persons))]


def l1_naive(pose, person):
    """Sum over labelled keypoints, normalised coordinates; and how many."""
    size, keypoints, labelled, _ = person
    total = 0.
    for k in range(K):
        if labelled[k]:
            total += sum(
                abs(pose[k][c].item() - keypoints[k][c] / size[c])
                for c in range(2))
    return total, sum(labelled)


def log_oks_naive(pose, person, max_exponent=math.inf):
    """-log OKS in pixels, 0 without keypoints."""
    size, keypoints, labelled, area = person
    total = 0.
    for k in range(K):
        if labelled[k]:
            d2 = sum((pose[k][c].item() * size[c] - keypoints[k][c])**2
                     for c in range(2))
            exponent = d2 / (2 * area * (2 * COCO_SIGMAS[k])**2)
            total += math.exp(-min(exponent, max_exponent))
    if not any(labelled):
        return 0.
    return -math.log(max(total / sum(labelled), 1e-6))


def focal_terms(logit):
    """Focal loss of a positive and of a negative."""
    p = 1 / (1 + math.exp(-logit))
    return (-math.log(p) * 0.25 * (1 - p)**2, -math.log(1 - p) * 0.75 * p**2)


def test_keypoints_start_from_the_centre_of_the_reference(head):
    """Logits: branch output plus (cx, cy), x and y in turn."""
    query = torch.randn(2, NUM_QUERIES, DIMS).double()
    reference = torch.randn(2, NUM_QUERIES, 4).double()
    outputs = head(query, reference, 1)
    raw = head.kpt_branches[1](query)
    assert raw.shape == (2, NUM_QUERIES, 2 * K)
    for k in (0, 5, 16):
        for c in range(2):
            torch.testing.assert_close(outputs['keypoints'][:, :, k, c],
                                       (raw[:, :, 2 * k + c] +
                                        reference[:, :, c]).sigmoid())
    assert outputs['kpt_cls'].equal(head.kpt_cls_branches[1](query))


def test_keypoints_relative_to_the_box(randomise):
    """The same query gives the same pose in boxes of any place and size."""
    head = build(randomise, relative_to_box=True)
    query = torch.randn(1, 1, DIMS).double().expand(1, 3, -1)
    boxes = torch.tensor([[[0.5, 0.5, 0.2, 0.4], [0.2, 0.7, 0.1, 0.1],
                           [0.9, 0.1, 0.9, 0.02]]]).double()
    keypoints = head(query, boxes.logit(), 1)['keypoints']
    offsets = (keypoints - boxes[..., None, :2]) / boxes[..., None, 2:]
    assert offsets[0, 0].abs().max() > 0.01
    torch.testing.assert_close(offsets, offsets[:, :1].expand_as(offsets))


def test_branches_have_the_released_shapes():
    head = PoseHead(refine=None, heatmap=None)
    assert [tuple(layer.weight.shape)
            for layer in head.kpt_branches[6][::2]] == [(512, 256), (512, 512),
                                                        (512, 512), (34, 512)]
    assert len(head.kpt_branches) == len(head.kpt_cls_branches) == 7


def test_cost_naive(head, samples, encoded, outputs):
    targets = prepare(head, samples, encoded)
    persons = persons_of(samples)
    for image, first in enumerate((0, 2)):
        rows = {
            name: value[:, image].flatten(0, 1)
            for name, value in outputs.items()
        }
        cost = head.match_cost(rows, targets[image], encoded[image])
        assert cost.shape == (NUM_LAYERS * NUM_QUERIES, 2 + image)
        expected = torch.zeros_like(cost)
        for query, (pose, logit) in enumerate(
                zip(rows['keypoints'], rows['kpt_cls'])):
            positive, negative = focal_terms(logit.item())
            for column in range(2 + image):
                person = persons[first + column]
                total, number = l1_naive(pose, person)
                if number:  # a person without keypoints costs nothing
                    expected[query, column] = (
                        50 * total / (2 * number) +
                        1.5 * log_oks_naive(pose, person, max_exponent=100) +
                        positive - negative)
        torch.testing.assert_close(cost, expected, rtol=1e-7, atol=1e-7)
        if image == 0:
            assert not cost[:, 1].any()


def test_losses_naive(head, samples, encoded, outputs, assignment):
    losses = head.loss(outputs, prepare(head, samples, encoded), assignment,
                       encoded)
    assert losses.keys() == {'loss_kpt_cls', 'loss_kpt', 'loss_oks'}
    # None for the encoder's proposals, as in the released code.
    assert losses['loss_oks'].shape == (NUM_LAYERS - 1, )
    persons = persons_of(samples)
    num_keypoints = sum(sum(person[2]) for person in persons)
    num_poses = sum(any(person[2]) for person in persons)
    assert num_poses == 4
    for layer in range(NUM_LAYERS):
        person_of = dict(
            zip(assignment.query_inds[layer].tolist(),
                assignment.gt_inds[layer].tolist()))
        l1 = oks = focal = 0.
        poses = outputs['keypoints'][layer].flatten(0, 1)
        for query, logit in enumerate(outputs['kpt_cls'][layer].flatten()):
            positive, negative = focal_terms(logit.item())
            person = persons[person_of[query]] if query in person_of else None
            # A person without keypoints is a negative like the background.
            has_pose = person is not None and any(person[2])
            focal += positive if has_pose else negative
            if has_pose:
                l1 += l1_naive(poses[query], person)[0]
                oks += log_oks_naive(poses[query], person)
        expected = dict(
            loss_kpt_cls=focal / (num_poses + EPS),
            loss_kpt=50 * l1 / (2 * num_keypoints + EPS),
            loss_oks=1.5 * oks / (num_poses + EPS))
        for name, value in expected.items():
            if name != 'loss_oks' or layer < NUM_LAYERS - 1:
                assert losses[name][layer].item() == pytest.approx(
                    value, rel=1e-9), name


def test_unlabelled_keypoints_do_not_matter(head, samples, encoded, outputs,
                                            box, assignment):
    """Neither where they are said to be, nor anything of their gradient."""
    outputs['keypoints'].requires_grad_()

    def step():
        targets = prepare(head, samples, encoded)
        rows = {name: value[0, 0] for name, value in outputs.items()}
        cost = head.match_cost(rows, targets[0], encoded[0])
        losses = head.loss(outputs, targets, assignment, encoded)
        losses.update(
            head.loss_per_step(outputs, box, targets, assignment, encoded))
        total = sum(loss.sum() for loss in losses.values())
        return cost, losses, torch.autograd.grad(total, outputs['keypoints'])

    cost, losses, (gradient, ) = step()
    for sample in samples:
        persons = sample.gt_instances
        persons.keypoints[persons.keypoints_visible == 0] = 12345.
    other_cost, other_losses, (other_gradient, ) = step()
    assert cost.equal(other_cost) and gradient.equal(other_gradient)
    for name, loss in losses.items():
        assert loss.equal(other_losses[name]), name
    # Exactly the labelled keypoints of matched persons learn.
    labelled = torch.cat(
        [sample.gt_instances.keypoints_visible > 0 for sample in samples])
    for layer in range(NUM_LAYERS):
        learning = torch.zeros(2 * NUM_QUERIES, K, dtype=torch.bool)
        learning[assignment.query_inds[layer]] = labelled[
            assignment.gt_inds[layer]]
        assert gradient[layer].flatten(0, 1).any(-1).equal(learning)


def test_persons_without_keypoints_are_negatives(head, samples, encoded,
                                                 outputs, assignment):
    """Their queries learn the same as the background's."""
    outputs['kpt_cls'] = torch.zeros_like(outputs['kpt_cls']).requires_grad_()
    losses = head.loss(outputs, prepare(head, samples, encoded), assignment,
                       encoded)
    losses['loss_kpt_cls'].sum().backward()
    gradient = outputs['kpt_cls'].grad.flatten(1)
    for layer in range(NUM_LAYERS):
        queries = assignment.query_inds[layer][assignment.gt_inds[layer] != 1]
        background = [q for q in range(12) if q not in queries.tolist()]
        assert gradient[layer, background].unique().numel() == 1
        assert (gradient[layer, background] > 0).all()
        assert (gradient[layer, queries] < 0).all()


def test_refinement_losses_naive(head, samples, encoded, outputs, box,
                                 assignment):
    """Of the last decoder layer's pairs, layer by layer of the refinement."""
    outputs['keypoints'].requires_grad_()
    targets = prepare(head, samples, encoded)
    losses = head.loss_per_step(outputs, box, targets, assignment, encoded)
    assert losses.keys() == {'loss_hm'} | {
        f'd{layer}.loss_{name}_refine'
        for layer in range(2)
        for name in ('kpt', 'oks')
    }
    last = NUM_LAYERS - 2
    poses = outputs['keypoints'][last].flatten(0,
                                               1)[assignment.query_inds[last]]
    refined = [
        step['keypoints']
        for step in head.refine(poses, None, None, [2, 3], encoded)
    ]
    persons = [persons_of(samples)[i] for i in assignment.gt_inds[last]]
    number = sum(sum(person[2]) for person in persons)
    for layer in range(2):
        l1 = sum(l1_naive(*pair)[0] for pair in zip(refined[layer], persons))
        oks = sum(
            log_oks_naive(*pair) for pair in zip(refined[layer], persons)
            if any(pair[1][2]))
        assert losses[f'd{layer}.loss_kpt_refine'].item() == pytest.approx(
            60 * l1 / (2 * number + EPS))
        assert losses[f'd{layer}.loss_oks_refine'].item() == pytest.approx(
            2 * oks / (4 + EPS))
    # The refinement trains itself and not the poses it starts from.
    total = sum(losses.values())
    assert not torch.autograd.grad(
        total, outputs['keypoints'], allow_unused=True, retain_graph=True)[0]
    total.backward()
    assert all(parameter.grad.any()
               for parameter in head.refine.branches.parameters())


def test_heatmap_loss_ignores_padding(head, samples, encoded, outputs, box,
                                      assignment):
    targets = prepare(head, samples, encoded)
    loss = head.loss_per_step(outputs, box, targets, assignment,
                              encoded)['loss_hm']
    logits = head.heatmap(encoded.memory, encoded.memory_pos,
                          encoded.memory_mask, encoded.valid_ratios, (8, 12))
    maps = head.heatmap.draw_targets(
        *([sample.gt_instances[field] for sample in samples]
          for field in ('keypoints', 'keypoints_visible', 'bboxes')), (8, 12))
    padded = encoded.memory_mask[:, :96].view(2, 8, 12)
    assert padded[1].any() and not padded[0].any()
    torch.testing.assert_close(loss, head.loss_hm(logits, maps, padded))
    assert not torch.isclose(loss, head.loss_hm(logits, maps))


@pytest.mark.parametrize('off', ['refine', 'heatmap'])
def test_parts_are_optional(randomise, samples, encoded, outputs, box,
                            assignment, off):
    head = build(randomise, **{off: None})
    assert not any(off in name for name, _ in head.named_parameters())
    losses = head.loss_per_step(outputs, box, prepare(head, samples, encoded),
                                assignment, encoded)
    names = {name.split('.')[-1] for name in losses}
    assert names == ({'loss_hm'} if off == 'refine' else
                     {'loss_kpt_refine', 'loss_oks_refine'})


@pytest.mark.parametrize('rescale', [True, False])
@pytest.mark.parametrize('refine', [True, False])
def test_predict(randomise, encoded, samples, rescale, refine):
    head = build(randomise, **({} if refine else {'refine': None})).eval()
    samples[1].set_metainfo(dict(scale_factor=(0.5, 0.25)))
    encoded.img_metas = [sample.metainfo for sample in samples]
    poses = torch.rand(2, 4, K, 2).double()
    logits = torch.randn(2, 4, 1).double()
    box = dict(queries=torch.rand(2, 4, DIMS), bboxes=torch.rand(2, 4, 4))
    decoded = head.decode(dict(keypoints=poses, kpt_cls=logits), box, encoded)
    results = head.pack(decoded, torch.rand(2, 4), encoded.img_metas, rescale)
    for image, result in enumerate(results):
        assert result.keys() == {'keypoints', 'keypoint_scores'}
        expected = poses[image]
        if refine:
            expected = head.refine(expected, None, None, [4],
                                   encoded[image])[-1]['keypoints']
        expected = expected * torch.tensor(SHAPES[image][::-1])
        if rescale:
            expected = expected / torch.tensor([[1., 1.], [0.5, 0.25]][image])
        torch.testing.assert_close(result['keypoints'], expected)
        assert result['keypoint_scores'].equal(logits[image].sigmoid().expand(
            4, K))


def test_five_keypoints(randomise, make_sample, make_encoded):
    """Another skeleton: its number of keypoints and its sigmas."""
    head = build(
        randomise,
        num_keypoints=5,
        sigmas=[0.05] * 5,
        refine=dict(type='PoseRefinementDecoder', **SMALL))
    sample = make_sample(2)
    persons = sample.gt_instances
    for field in ('keypoints', 'keypoints_visible'):
        persons.set_field(persons[field][:, :5], field)
    encoded = make_encoded([sample])
    outputs = dict(
        keypoints=torch.rand(NUM_LAYERS, 1, NUM_QUERIES, 5, 2).double(),
        kpt_cls=torch.randn(NUM_LAYERS, 1, NUM_QUERIES, 1).double())
    pairs = torch.tensor([[0, 1]] * NUM_LAYERS)
    targets = prepare(head, [sample], encoded)
    assignment = Assignment(pairs, pairs, [2])
    losses = head.loss(outputs, targets, assignment, encoded)
    box = dict(
        queries=torch.zeros(NUM_LAYERS, 1, NUM_QUERIES, DIMS),
        bboxes=torch.zeros(NUM_LAYERS, 1, NUM_QUERIES, 4))
    losses.update(
        head.loss_per_step(outputs, box, targets, assignment, encoded))
    assert all(loss.isfinite().all() for loss in losses.values())
    decoded = head.decode({
        name: value[1]
        for name, value in outputs.items()
    }, {
        name: value[1]
        for name, value in box.items()
    }, encoded)
    assert decoded['keypoints'].shape == (1, NUM_QUERIES, 5, 2)
    assert decoded['keypoint_scores'].shape == (1, NUM_QUERIES, 5)


def test_sigmas_of_another_skeleton(randomise):
    with pytest.raises(InputError, match='17 sigmas, but 14 keypoints'):
        build(randomise, num_keypoints=14)
