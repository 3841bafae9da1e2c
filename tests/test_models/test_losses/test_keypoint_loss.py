import math

import pytest
import torch
from pycocotools.cocoeval import Params

from mmhqnet.models.losses import (COCO_SIGMAS, HeatmapFocalLoss, OKSLoss,
                                   object_keypoint_similarity)

SIGMAS = torch.tensor([0.1, 0.5, 0.25], dtype=torch.float64)
TARGET = torch.tensor([[10., 10.], [20., 20.], [30., 30.]]).double()


def test_sigmas_are_cocos():
    assert COCO_SIGMAS == pytest.approx(
        tuple(Params('keypoints').kpt_oks_sigmas))


def oks(pred, visible, area, **kwargs):
    return object_keypoint_similarity(
        torch.tensor(pred).double(), TARGET,
        torch.tensor(visible).double(),
        torch.tensor(area).double(), SIGMAS, **kwargs)


def test_oks_by_hand():
    """exp(-d^2 / (2 area (2 sigma)^2)) over labelled keypoints."""
    pred = [[13., 14.], [20., 21.], [99., 99.]]
    # d^2 = 25 and 1; area 50: 2 * 50 * (0.04 and 1) = 4 and 100.
    expected = (math.exp(-25 / 4) + math.exp(-1 / 100)) / 2
    assert oks(pred, [1., 1., 0.], 50.).item() == pytest.approx(
        expected, rel=1e-12)
    assert oks(pred, [0., 1., 0.], 50.).item() == pytest.approx(
        math.exp(-1 / 100), rel=1e-12)
    assert oks(TARGET.tolist(), [1., 1., 1.], 50.) == 1
    assert oks(TARGET.tolist(), [0., 0., 0.], 50.) == 0


def test_oks_scales_with_the_person():
    pred = [[13., 14.], [20., 21.], [33., 30.]]
    near = oks(pred, [1., 1., 1.], 50.)
    assert oks(pred, [1., 1., 1.], 500.) > near > oks(pred, [1.] * 3, 5.)


def test_exponent_is_bounded():
    far = [[1e4, 1e4], [20., 20.], [30., 30.]]
    assert oks(far, [1., 0., 0.], 50.) == 0
    assert oks(
        far, [1., 0., 0.], 50.,
        max_exponent=100).item() == pytest.approx(math.exp(-100))


@pytest.mark.parametrize('area', [0., 1e-300])
def test_no_area(area):
    """Not a number neither in the value nor in the gradient."""
    pred = TARGET.clone().requires_grad_()
    value = object_keypoint_similarity(pred, TARGET,
                                       torch.ones(3).double(),
                                       torch.tensor(area).double(), SIGMAS)
    assert value == 1
    value.backward()
    assert pred.grad.isfinite().all()


def test_oks_loss_by_hand():
    loss = OKSLoss(sigmas=SIGMAS.tolist(), loss_weight=2.0, eps=1e-6)
    pred = torch.tensor([
        [[13., 14.], [20., 21.], [0., 0.]],
        [[1e3, 1e3], [0., 0.], [0., 0.]],
        [[13., 14.], [20., 21.], [0., 0.]],
    ]).double().requires_grad_()
    visible = torch.tensor([[1., 1., 0.], [1., 0., 0.], [0., 0., 0.]]).double()
    losses = loss(pred, TARGET.expand(3, -1, -1), visible,
                  torch.tensor([50., 50., 50.]).double())
    expected = [
        -2 * math.log((math.exp(-25 / 4) + math.exp(-1 / 100)) / 2),
        -2 * math.log(1e-6),  # as far away as can be
        0.,  # nothing to compare
    ]
    torch.testing.assert_close(losses,
                               torch.tensor(expected, dtype=torch.float64))
    losses.sum().backward()
    assert pred.grad.isfinite().all() and pred.grad[0, :2].any(1).all()
    # No gradient from unlabelled keypoints or hopeless poses.
    assert not pred.grad[0, 2].any() and not pred.grad[1:].any()


def focal_naive(logits, target, padded):
    positive = negative = number = 0.
    for index in [(b, k, y, x) for b in range(2) for k in range(2)
                  for y in range(3) for x in range(4)]:
        b, _, y, x = index
        p = 1 / (1 + math.exp(-logits[index].item()))
        p = min(max(p, 1e-4), 1 - 1e-4)
        t = target[index].item()
        if t == 1:
            positive += math.log(p) * (1 - p)**2
            number += 1
        elif not padded[b, y, x]:
            negative += math.log(1 - p) * p**2 * (1 - t)**4
    return -(positive + negative) / max(number, 1)


@pytest.mark.parametrize('keypoints', [3, 0])
@pytest.mark.parametrize('padding', [True, False])
def test_heatmap_loss_naive(keypoints, padding):
    torch.manual_seed(0)
    logits = torch.randn(2, 2, 3, 4).double() * 5
    logits[0, 0, 0, 0] = 20  # its probability is clamped
    target = torch.rand(2, 2, 3, 4).double() * 0.99
    target.view(-1)[torch.randperm(48)[:keypoints]] = 1
    padded = torch.zeros(2, 3, 4, dtype=torch.bool)
    if padding:
        padded[1, :, 2:] = True
    loss = HeatmapFocalLoss(loss_weight=4.0)(logits, target,
                                             padded if padding else None)
    assert loss.item() == pytest.approx(
        4 * focal_naive(logits, target, padded), rel=1e-12)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_heatmap_loss_of_certain_logits_in_half_precision(dtype):
    logits = torch.tensor([[[[50., -50.], [50., -50.]]]])
    target = torch.tensor([[[[1., 1.], [0., 0.]]]])
    loss = HeatmapFocalLoss()
    torch.testing.assert_close(
        loss(logits.to(dtype), target), loss(logits, target))


def test_heatmap_loss_by_hand():
    """One keypoint at p = 1/2, one background pixel at p = 1/2."""
    logits = torch.zeros(1, 1, 1, 2)
    target = torch.tensor([[[[1., 0.5]]]])
    loss = HeatmapFocalLoss()(logits, target)
    expected = math.log(2) * 0.25 + math.log(2) * 0.25 * 0.5**4
    assert loss.item() == pytest.approx(expected, rel=1e-6)
