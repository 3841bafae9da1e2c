"""An image gets the same predictions and losses whatever it is batched with.

In float64 and to 1e-9. Group norm sees the padding, so an image must have the
same canvas alone and in a batch.
"""
import copy

import pytest
import torch

CANVAS = (64, 96)
EXACT = dict(rtol=1e-9, atol=1e-9)
LAYER_EPS = float(torch.finfo(torch.float32).eps)


@pytest.fixture
def model(build_model):
    """Its pixel embeddings are about zero on average, for real masks."""
    model = build_model()
    conv = model.pixel_embedding.mask_feature
    with torch.no_grad():
        conv.bias.copy_(-0.4 * conv.weight.sum((1, 2, 3)))
    return model


@pytest.fixture(
    params=[(CANVAS, CANVAS), ((64, 90), (50, 77))], ids=['full', 'padded'])
def samples(request, make_sample):
    """Two images with different numbers of everything that is counted."""
    first, second = (make_sample(number, shape, canvas=CANVAS, seed=number)
                     for number, shape in zip((2, 4), request.param))
    persons = second.gt_instances
    persons.genders[0] = -1
    persons.ages[:3] = -1
    persons.keypoints_visible[3] = 0
    persons.mask_valid[2] = False
    return [first, second]


def losses_of(model, images, samples):
    model.train()
    losses = model.loss(images, copy.deepcopy(samples))
    return {
        name: loss.detach()
        for name, loss in losses.items() if 'dn_' not in name
    }


def normaliser(name, sample, num_points=200):
    """What a loss of this image is divided by."""
    persons = sample.gt_instances
    name = name.split('.')[-1].removeprefix('enc_')
    labelled = persons.keypoints_visible > 0
    if name == 'loss_hm':
        # One for each pixel of a heat map with a keypoint, however many.
        pixels = (persons.keypoints / 8).long()
        return len({(k, *pixels[i, k].tolist())
                    for i, k in labelled.nonzero().tolist()})
    count = dict(
        loss_cls=len(persons),
        loss_bbox=len(persons),
        loss_iou=len(persons),
        loss_mask=persons.mask_valid.sum() * num_points,
        loss_dice=persons.mask_valid.sum(),
        loss_kpt_cls=labelled.any(1).sum(),
        loss_kpt=2 * labelled.sum(),
        loss_oks=labelled.any(1).sum(),
        loss_kpt_refine=2 * labelled.sum(),
        loss_oks_refine=labelled.any(1).sum(),
        loss_gender=(persons.genders >= 0).sum(),
        loss_age=(persons.ages >= 0).sum())[name]
    return int(count)


def test_losses(model, samples, make_images, same_points):
    """Sums over persons add up; every loss has its own normaliser."""
    images = make_images(samples)
    together = losses_of(model, images, samples)
    alone = [
        losses_of(model, images[i:i + 1], samples[i:i + 1]) for i in range(2)
    ]
    assert together.keys() == alone[0].keys() == alone[1].keys()
    assert len(together) == 3 * 9 + 2 + 5  # 9 and oks per layer, 5 once
    for name, loss in together.items():
        eps = 0 if name == 'loss_hm' else LAYER_EPS
        counts = [normaliser(name, sample) for sample in samples]
        assert counts[0] != counts[1]
        expected = sum(single[name] * (count + eps)
                       for single, count in zip(alone, counts))
        torch.testing.assert_close(
            loss * (sum(counts) + eps), expected, **EXACT, msg=name)


@pytest.mark.parametrize('rescale', [True, False])
def test_predictions(model, samples, make_images, rescale):
    samples[0].set_metainfo(
        dict(ori_shape=(128, 192), scale_factor=(0.5, 0.5)))
    images = make_images(samples)
    model.eval()
    with torch.no_grad():
        together = model.predict(images, copy.deepcopy(samples), rescale)
        alone = [
            model.predict(images[i:i + 1], copy.deepcopy(samples[i:i + 1]),
                          rescale)[0] for i in range(2)
        ]
    areas = torch.cat([
        sample.pred_instances.masks.flatten(1).double().mean(1)
        for sample in together
    ])
    assert ((areas > 0.01) & (areas < 0.99)).any()  # not all or nothing
    for batched, single in zip(together, alone):
        batched, single = batched.pred_instances, single.pred_instances
        assert set(batched.keys()) == set(single.keys())
        for field, expected in single.items():
            torch.testing.assert_close(
                batched[field], expected, **EXACT, msg=field)


def test_full_image_beside_a_padded_one(model, make_sample, make_images):
    """mmdet gives a padded batch its valid ratios in float32."""
    samples = [make_sample(2), make_sample(2, (48, 80), canvas=CANVAS)]
    images = make_images(samples)
    model.eval()
    with torch.no_grad():
        batched, _ = model.predict(images, copy.deepcopy(samples))
        single, = model.predict(images[:1], copy.deepcopy(samples[:1]))
    for field in ('bboxes', 'scores', 'keypoints', 'ages', 'gender_scores'):
        torch.testing.assert_close(
            batched.pred_instances[field],
            single.pred_instances[field],
            rtol=1e-4,
            atol=1e-4,
            msg=field)


def test_order_of_images(model, samples, make_images, same_points):
    images = make_images(samples)
    forwards = losses_of(model, images, samples)
    backwards = losses_of(model, images.flip(0), samples[::-1])
    for name, loss in forwards.items():
        torch.testing.assert_close(backwards[name], loss, **EXACT, msg=name)


def test_order_of_persons(model, samples, make_images, same_points):
    """All losses but the denoising ones, whose noise is drawn in order."""
    images = make_images(samples)
    expected = losses_of(model, images, samples)
    shuffled = copy.deepcopy(samples)
    for sample, order in zip(shuffled, ([1, 0], [2, 0, 3, 1])):
        sample.gt_instances = sample.gt_instances[torch.tensor(order)]
    losses = losses_of(model, images, shuffled)
    for name, loss in expected.items():
        torch.testing.assert_close(losses[name], loss, **EXACT, msg=name)


def test_order_of_persons_does_not_change_gradients(model, make_sample,
                                                    make_images, same_points):
    sample = make_sample(4)
    images = make_images([sample])
    gradients = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        shuffled = copy.deepcopy(sample)
        shuffled.gt_instances = sample.gt_instances[torch.tensor(order)]
        model.train().zero_grad()
        losses = model.loss(images, [shuffled])
        sum(loss for name, loss in losses.items()
            if 'dn_' not in name).backward()
        gradients.append({
            name: parameter.grad.clone()
            for name, parameter in model.named_parameters()
            if parameter.grad is not None
        })
    assert len(gradients[0]) > 200
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(
            gradients[1][name], gradient, rtol=1e-7, atol=1e-9, msg=name)
