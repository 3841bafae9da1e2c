"""Faces: losses against loops, who learns, flips, and a short training."""
import copy
import math

import pytest
import torch
from mmdet.evaluation import bbox_overlaps
from mmengine.optim import OptimWrapper

from mmhqnet.errors import InputError
from mmhqnet.models.task_heads import FaceHead

SHAPES = [(64, 96), (50, 77)]
NUM_LAYERS, NUM_QUERIES, DIMS = 3, 6, 32


@pytest.fixture
def head(randomise):
    torch.manual_seed(0)
    head = FaceHead(embed_dims=DIMS, num_pred_layers=NUM_LAYERS)
    head.init_weights()
    return randomise(head).double()


@pytest.fixture
def samples(samples):
    """The face of person 1 is not labelled."""
    samples[0].gt_instances.face_valid[1] = False
    return samples


@pytest.fixture
def outputs():
    generator = torch.Generator().manual_seed(1)
    shape = (NUM_LAYERS, 2, NUM_QUERIES)
    return dict(
        bboxes=torch.rand(*shape, 4, generator=generator).double(),
        cls_scores=torch.randn(*shape, 1, generator=generator).double())


def prepare(head, samples, encoded):
    return [
        head.prepare_targets(sample.gt_instances, image)
        for sample, image in zip(samples, encoded)
    ]


def corners(box, size):
    """Normalised cxcywh as xyxy in pixels."""
    (cx, cy, w, h), (width, height) = box.tolist(), size
    return torch.tensor([[(cx - w / 2) * width, (cy - h / 2) * height,
                          (cx + w / 2) * width, (cy + h / 2) * height]])


def l1_naive(box, face, size):
    scale = torch.tensor([*size, *size])
    centred = torch.cat([(face[:2] + face[2:]) / 2, face[2:] - face[:2]])
    return (box - centred / scale).abs().sum().item()


def giou_naive(box, face, size):
    """Generalised IoU from areas."""
    box, face = corners(box, size)[0].tolist(), face.tolist()
    iou = bbox_overlaps(
        torch.tensor([box]).numpy(),
        torch.tensor([face]).numpy()).item()
    hull = (max(box[2], face[2]) - min(box[0], face[0])) * (
        max(box[3], face[3]) - min(box[1], face[1]))
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, face))
    union = areas / (1 + iou)
    return iou - (hull - union) / hull


def test_losses_naive(head, samples, encoded, outputs, assignment):
    losses = head.loss(outputs, prepare(head, samples, encoded), assignment,
                       encoded)
    faces = torch.cat([sample.gt_instances.face_boxes for sample in samples])
    sizes = [SHAPES[0][::-1]] * 2 + [SHAPES[1][::-1]] * 3
    for layer in range(NUM_LAYERS):
        person_of = dict(
            zip(assignment.query_inds[layer].tolist(),
                assignment.gt_inds[layer].tolist()))
        l1 = iou = focal = 0.
        boxes = outputs['bboxes'][layer].flatten(0, 1)
        for query, logit in enumerate(outputs['cls_scores'][layer].flatten()):
            p = logit.sigmoid().item()
            person = person_of.get(query)
            if person is None:
                focal -= 0.75 * p**2 * math.log(1 - p)
            elif person != 1:
                focal -= 0.25 * (1 - p)**2 * math.log(p)
                pair = boxes[query], faces[person], sizes[person]
                l1 += l1_naive(*pair)
                iou += 1 - giou_naive(*pair)
        expected = dict(
            loss_face_cls=focal / 4,
            loss_face_bbox=5 * l1 / 4,
            loss_face_iou=2 * iou / 4)
        assert losses.keys() == expected.keys()
        for name, value in expected.items():
            assert losses[name][layer].item() == pytest.approx(
                value, rel=1e-5), name


def test_unlabelled_faces_give_no_gradient(head, samples, encoded, outputs,
                                           assignment):
    """Wherever they are said to be; nor does their person's score."""
    for output in outputs.values():
        output.requires_grad_()
    samples[0].gt_instances.face_boxes[1] = float('nan')
    losses = head.loss(outputs, prepare(head, samples, encoded), assignment,
                       encoded)
    sum(loss.sum() for loss in losses.values()).backward()
    for layer in range(NUM_LAYERS):
        queries = assignment.query_inds[layer]
        has_face = assignment.gt_inds[layer] != 1
        boxes = torch.zeros(2 * NUM_QUERIES, dtype=torch.bool)
        boxes[queries[has_face]] = True
        scores = torch.ones_like(boxes)
        scores[queries[~has_face]] = False
        for name, learning in dict(bboxes=boxes, cls_scores=scores).items():
            gradient = outputs[name].grad[layer].flatten(0, 1)
            assert gradient.isfinite().all()
            assert gradient.any(-1).equal(learning), name


def test_no_matching_cost_by_default(head, samples, encoded, outputs):
    rows = {name: value[0, 0] for name, value in outputs.items()}
    targets, *_ = prepare(head, samples, encoded)
    assert head.match_cost(rows, targets, encoded[0]) is None


def test_cost_naive(samples, encoded, outputs):
    head = FaceHead(cost_bbox=5., cost_iou=2.)
    for image, target in enumerate(prepare(head, samples, encoded)):
        size = SHAPES[image][::-1]
        rows = {name: value[0, image] for name, value in outputs.items()}
        cost = head.match_cost(rows, target, encoded[image])
        persons = samples[image].gt_instances
        for query, box in enumerate(rows['bboxes']):
            for person, face in enumerate(persons.face_boxes):
                expected = 5 * l1_naive(box, face, size) - 2 * giou_naive(
                    box, face, size)
                if not persons.face_valid[person]:
                    expected = 0.
                assert cost[query, person].item() == pytest.approx(
                    expected, rel=1e-5)


def test_faces_start_at_the_box_reference(head):
    query = torch.randn(2, NUM_QUERIES, DIMS).double()
    reference = torch.randn(2, NUM_QUERIES, 4).double()
    boxes = head(query, reference, 1)['bboxes']
    offsets = head.reg_branches[1](query)
    torch.testing.assert_close(boxes, (offsets + reference).sigmoid())
    head.init_weights()
    assert head(query, reference, 1)['bboxes'].equal(reference.sigmoid())


def mirrored(boxes, width):
    """Boxes xyxy of the flipped image."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - x2, y1, width - x1, y2], -1)


def test_flipped_image(head, samples, encoded, outputs, assignment):
    """Flipped predictions of flipped faces cost the same."""
    losses = head.loss(outputs, prepare(head, samples, encoded), assignment,
                       encoded)
    for sample in samples:
        persons, width = sample.gt_instances, sample.img_shape[1]
        for field in ('bboxes', 'face_boxes'):
            persons.set_field(mirrored(persons[field], width), field)
    flipped = outputs['bboxes'].clone()
    flipped[..., 0] = 1 - flipped[..., 0]
    others = head.loss(
        dict(outputs, bboxes=flipped), prepare(head, samples, encoded),
        assignment, encoded)
    for name, loss in losses.items():
        torch.testing.assert_close(others[name], loss, msg=name)


@pytest.mark.parametrize('rescale', [True, False])
def test_predicted_fields(head, samples, encoded, outputs, rescale):
    samples[1].set_metainfo(dict(scale_factor=(0.5, 0.25)))
    metas = [sample.metainfo for sample in samples]
    outputs = {name: value[1] for name, value in outputs.items()}
    decoded = head.decode(outputs, {}, encoded)
    results = head.pack(decoded, None, metas, rescale)
    for image, result in enumerate(results):
        assert result.keys() == {'face_boxes', 'face_scores'}
        factor = torch.tensor([0.5, 0.25] * 2 if rescale and image else [1.])
        height, width = SHAPES[image]
        for query, box in enumerate(outputs['bboxes'][image]):
            expected = corners(box, (width, height))[0]
            expected[0::2].clamp_(0, width)
            expected[1::2].clamp_(0, height)
            torch.testing.assert_close(result['face_boxes'][query].float(),
                                       expected / factor)
        assert result['face_scores'].equal(outputs['cls_scores'][image, :,
                                                                 0].sigmoid())


def test_data_without_faces(head, samples, encoded):
    del samples[0].gt_instances.face_boxes
    with pytest.raises(InputError, match='no face_boxes'):
        prepare(head, samples, encoded)


def test_learns_faces(head, samples, encoded, assignment):
    """From given queries and references, in a few steps."""
    generator = torch.Generator().manual_seed(3)
    shape = (NUM_LAYERS, 2, NUM_QUERIES)
    queries = torch.randn(*shape, DIMS, generator=generator).double()
    references = torch.randn(*shape, 4, generator=generator).double()
    targets = prepare(head, samples, encoded)
    optimizer = torch.optim.AdamW(head.parameters(), 3e-3)
    for _ in range(150):
        layers = [
            head(*pair, layer)
            for layer, pair in enumerate(zip(queries, references))
        ]
        outputs = {
            name: torch.stack([out[name] for out in layers])
            for name in layers[0]
        }
        losses = head.loss(outputs, targets, assignment, encoded)
        optimizer.zero_grad()
        sum(loss.sum() for loss in losses.values()).backward()
        optimizer.step()
    decoded = head.decode(
        {
            name: value[head.last_layer]
            for name, value in outputs.items()
        }, {}, encoded)
    # Of the last decoder layer: query 0 of image 0 is person 1, without a
    # face, query 1 is person 0; in image 1, queries 0, 1, 3 are 4, 2, 3.
    metas = [sample.metainfo for sample in samples]
    first, second = head.pack(decoded, None, metas, rescale=False)
    boxes = torch.cat([first['face_boxes'][[1]], second['face_boxes'][[1, 3]]])
    faces = torch.cat([
        samples[0].gt_instances.face_boxes[:1],
        samples[1].gt_instances.face_boxes[:2]
    ])
    overlaps = bbox_overlaps(boxes.detach().numpy(), faces.numpy())
    assert overlaps.diagonal().min() > 0.8
    assert first['face_scores'][1] > 0.5
    assert (first['face_scores'][2:] < 0.3).all()


def test_trains_and_predicts_with_the_others(tiny_config, build_model,
                                             make_sample):
    model = build_model(
        tiny_config(tasks=('gender', 'face')), dtype=torch.float32)
    data = dict(
        inputs=[torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8)],
        data_samples=[make_sample(2, dtype=torch.float32)])
    optim_wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), 1e-3))
    losses = model.train().train_step(copy.deepcopy(data), optim_wrapper)
    assert all(loss.isfinite() for loss in losses.values())
    assert {
        f'{layer}loss_face_{name}'
        for layer in ('', 'd0.', 'enc_')
        for name in ('cls', 'bbox', 'iou')
    } < losses.keys()
    result, = model.eval().test_step(data)
    persons = result.pred_instances
    assert persons.face_boxes.shape == (10, 4)
    assert persons.face_scores.shape == (10, )
