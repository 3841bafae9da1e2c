"""Masks at points only are the same as masks drawn in full."""
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet.structures.mask import PolygonMasks
from pycocotools import mask as mask_utils

from mmhqnet.models.layers import uncertain_points
from mmhqnet.models.task_heads import MaskHead
from mmhqnet.models.task_heads.mask import code_masks, draw_masks

CANVAS = (64, 96)
SHAPES = [(64, 96), (50, 77)]
NUM_LAYERS, NUM_QUERIES, DIMS = 3, 6, 32


@pytest.fixture
def head():
    torch.manual_seed(0)
    return MaskHead(
        embed_dims=DIMS, num_pred_layers=NUM_LAYERS, num_points=40).double()


@pytest.fixture
def embeddings():
    """Mask embeddings of all layers."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(
        NUM_LAYERS, 2, NUM_QUERIES, DIMS, generator=generator).double() / 4


def prepare(head, samples, encoded):
    return [
        head.prepare_targets(sample.gt_instances, image)
        for sample, image in zip(samples, encoded)
    ]


def draw(embedding, pixels):
    """Full mask at stride 4."""
    return sum(e * p for e, p in zip(embedding, pixels))


def read(image, points):
    """Read an image (H, W) at points (n, 2) of [0, 1]^2."""
    grid = (2 * points - 1)[None, None].double()
    return F.grid_sample(image[None, None], grid, align_corners=False).view(-1)


def cross_entropy(logits, target):
    prob = logits.sigmoid()
    return -(target * prob.log() + (1 - target) * (1 - prob).log())


def dice(logits, target):
    prob = logits.sigmoid()
    return 1 - (2 * (prob * target).sum() + 1) / (
        prob.sum() + target.sum() + 1)


def test_no_mask_is_drawn_before_it_is_needed(head):
    query = torch.randn(2, NUM_QUERIES, DIMS).double()
    outputs = head(query, None, 1)
    assert outputs.keys() == {'mask_embedding'}
    assert outputs['mask_embedding'].shape == query.shape
    assert head.needs_pixel_embedding


def test_as_narrow_as_the_pixel_embedding():
    head = MaskHead(embed_dims=8, num_pred_layers=3, mask_dims=4)
    outputs = head(torch.randn(1, 5, 8), None, 0)
    assert outputs['mask_embedding'].shape == (1, 5, 4)


@pytest.mark.parametrize('detach', [True, False])
def test_encoder_embeddings_without_gradient(detach):
    """As in the released code, unless switched off."""
    head = MaskHead(embed_dims=8, num_pred_layers=3, detach_enc_mask=detach)
    query = torch.randn(1, 4, 8)
    for layer in range(3):
        embedding = head(query, None, layer)['mask_embedding']
        assert embedding.requires_grad == (layer < 2 or not detach)


def test_targets_are_padded_to_the_canvas(head, samples, encoded):
    targets = prepare(head, samples, encoded)
    for target, sample, (height, width) in zip(targets, samples, SHAPES):
        masks = torch.tensor(sample.gt_instances.masks.masks)
        assert target.masks.shape == (len(masks), *CANVAS)
        assert target.masks[:, :height, :width].equal(masks.double())
        assert not target.masks[:, height:].any()
        assert not target.masks[:, :, width:].any()
        assert target.valid.tolist() == [True] * len(masks)


def test_targets_padded_by_the_preprocessor_are_the_same(
        head, samples, encoded):
    expected = prepare(head, samples, encoded)[1]
    persons = samples[1].gt_instances
    persons.masks = persons.masks.pad(CANVAS)
    assert prepare(head, samples, encoded)[1].masks.equal(expected.masks)


def test_polygons_and_absent_validity(head, samples, encoded):
    persons = samples[1].gt_instances
    square = np.array([10., 10, 30, 10, 30, 30, 10, 30])
    persons.masks = PolygonMasks([[square]] * 3, *SHAPES[1])
    del persons.mask_valid
    target = prepare(head, samples, encoded)[1]
    assert target.masks.shape == (3, *CANVAS)
    assert target.masks[0, 10:30, 10:30].all()
    assert target.masks.sum() == 3 * 400
    assert target.valid.tolist() == [True] * 3


def test_cost_naive(head, samples, encoded, embeddings, same_points):
    """Every query with every person, from masks drawn in full."""
    samples[1].gt_instances.mask_valid[1] = False
    targets = prepare(head, samples, encoded)
    points = torch.rand(1, 40, 2)[0]
    for image in range(2):
        cost = head.match_cost(
            dict(mask_embedding=embeddings[0, image]), targets[image],
            encoded[image])
        persons = samples[image].gt_instances
        assert cost.shape == (NUM_QUERIES, len(persons))
        for query in range(NUM_QUERIES):
            full = draw(embeddings[0, image, query],
                        encoded.pixel_embedding[image])
            logits = read(full, points)
            for person, mask in enumerate(targets[image].masks):
                target = read(mask, points)
                expected = 8 * cross_entropy(logits, target).mean() + 5 * dice(
                    logits, target)
                if image == 1 and person == 1:
                    expected *= 0
                torch.testing.assert_close(cost[query, person], expected)


def test_cost_without_persons(head, samples, encoded, embeddings):
    target = head.prepare_targets(samples[0].gt_instances[:0], encoded[0])
    cost = head.match_cost(
        dict(mask_embedding=embeddings[0, 0]), target, encoded[0])
    assert cost.shape == (NUM_QUERIES, 0)


def losses_naive(head, embeddings, targets, assignment, encoded):
    """Sums of both losses of each layer, and gradients come for free."""
    masks = torch.cat([target.masks for target in targets])
    valid = torch.cat([target.valid for target in targets])
    sums = torch.zeros(NUM_LAYERS, 2).double()
    for layer in range(NUM_LAYERS):
        for query, person in zip(assignment.query_inds[layer].tolist(),
                                 assignment.gt_inds[layer].tolist()):
            if not valid[person]:
                continue
            image, query = divmod(query, NUM_QUERIES)
            full = draw(embeddings[layer, image, query],
                        encoded.pixel_embedding[image])
            points = uncertain_points(full[None], 40, 3.0, 0.75)[0]
            logits, target = read(full, points), read(masks[person], points)
            sums[layer, 0] += 8 * cross_entropy(logits, target).mean()
            sums[layer, 1] += 5 * dice(logits, target)
    return sums / valid.sum()


@pytest.mark.parametrize('invalid', [[], [0], [1, 3]])
def test_losses_naive(head, samples, encoded, embeddings, assignment,
                      same_points, invalid):
    """Values and gradients; missing masks neither count nor contribute."""
    targets = prepare(head, samples, encoded)
    for person in invalid:
        targets[person // 2].valid[person % 2] = False
    embeddings.requires_grad_()
    encoded.pixel_embedding.requires_grad_()
    leaves = (embeddings, encoded.pixel_embedding)
    losses = head.loss(
        dict(mask_embedding=embeddings), targets, assignment, encoded)
    ours = torch.stack([losses['loss_mask'], losses['loss_dice']], 1)
    expected = losses_naive(head, embeddings, targets, assignment, encoded)
    # mmdet's dice loss rounds its target to float32.
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)
    for ours, expected in zip(
            torch.autograd.grad(ours.sum(), leaves),
            torch.autograd.grad(expected.sum(), leaves)):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


def test_missing_masks_give_exactly_no_gradient(head, samples, encoded,
                                                embeddings, assignment):
    targets = prepare(head, samples, encoded)
    targets[0].valid[1] = False
    embeddings.requires_grad_()
    losses = head.loss(
        dict(mask_embedding=embeddings), targets, assignment, encoded)
    (losses['loss_mask'] + losses['loss_dice']).sum().backward()
    gradient = embeddings.grad.flatten(1, 2).any(-1)
    for layer in range(NUM_LAYERS):
        learning = [
            query for query, person in zip(assignment.query_inds[layer],
                                           assignment.gt_inds[layer])
            if person != 1
        ]
        assert gradient[layer].nonzero()[:, 0].tolist() == sorted(
            map(int, learning))


def test_nobody_has_a_mask(head, samples, encoded, embeddings, assignment):
    targets = prepare(head, samples, encoded)
    for target in targets:
        target.valid[:] = False
    losses = head.loss(
        dict(mask_embedding=embeddings), targets, assignment, encoded)
    assert losses['loss_mask'].tolist() == losses['loss_dice'].tolist(
    ) == [0.] * NUM_LAYERS


def predict_naive(embedding, score, pixels, img_shape, size):
    """One query: crop the stride-4 map, resize it, and rate the mask."""
    height, width = (math.ceil(side / 4) for side in img_shape)
    logits = draw(embedding, pixels)[:height, :width]
    logits = F.interpolate(
        logits[None, None], size, mode='bilinear', align_corners=False)[0, 0]
    mask = logits > 0
    quality = logits.sigmoid()[mask].sum() / (mask.sum() + 1e-6)
    return mask, score * quality


@pytest.mark.parametrize('rescale', [True, False])
def test_predict_naive(head, samples, encoded, rescale):
    """More queries than are drawn at a time, images of different sizes."""
    samples[1].set_metainfo(dict(ori_shape=(100, 154)))
    encoded.img_metas = [sample.metainfo for sample in samples]
    embeddings = torch.randn(2, 20, DIMS).double() / 4
    embeddings[0, 3] = 0  # logits of zero are no mask
    scores = torch.rand(2, 20).double()
    decoded = head.decode(dict(mask_embedding=embeddings), {}, encoded)
    results = head.pack(decoded, scores, encoded.img_metas, rescale)
    sizes = [(64, 96), (100, 154)] if rescale else SHAPES
    for image, result in enumerate(results):
        assert result.keys() == {'masks', 'mask_scores'}
        assert result['masks'].shape == (20, *sizes[image])
        assert result['masks'].dtype == torch.bool
        for query in range(20):
            mask, score = predict_naive(embeddings[image,
                                                   query], scores[image,
                                                                  query],
                                        encoded.pixel_embedding[image],
                                        SHAPES[image], sizes[image])
            assert result['masks'][query].equal(mask)
            torch.testing.assert_close(result['mask_scores'][query], score)
    assert results[0]['mask_scores'][3] == 0


def test_codes_are_the_masks():
    logits = torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(0))
    masks, qualities = draw_masks(logits, (37, 50))
    codes, same = code_masks(logits, (37, 50))
    assert torch.equal(qualities, same)
    for mask, code in zip(masks, codes):
        assert np.array_equal(mask_utils.decode(code), mask)
    assert code_masks(logits[:0], (37, 50))[0] == []
