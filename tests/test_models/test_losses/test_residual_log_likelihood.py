import math

import pytest
import torch

from mmhqnet.models.losses import RealNVP, ResidualLogLikelihoodLoss


def make_loss():
    torch.manual_seed(0)
    return ResidualLogLikelihoodLoss()


def test_flow_is_a_density():
    """It integrates to one."""
    torch.manual_seed(0)
    flow = RealNVP().double()
    axis = torch.linspace(-15, 15, 121, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(axis, axis, indexing='xy'), -1)
    with torch.no_grad():
        total = flow(points).exp().sum() * (axis[1] - axis[0])**2
    assert total.item() == pytest.approx(1, abs=1e-3)


def test_identity_flow_by_hand():
    loss = make_loss().double()
    with torch.no_grad():
        for coupling in (*loss.flow.scales, *loss.flow.translations):
            coupling[4].weight.zero_()
            coupling[4].bias.zero_()
    mu = torch.tensor([[[0.3, 0.1]]], dtype=torch.float64)
    sigma = torch.tensor([[[0.2, 0.5]]], dtype=torch.float64)
    target = torch.zeros_like(mu)
    value = loss(mu, sigma, target, torch.ones(1, 1, 1))[0, 0]
    log_normal = -(1.5**2 + 0.2**2) / 2 - math.log(2 * math.pi)
    for got, s, e in zip(value.tolist(), (0.2, 0.5), (1.5, 0.2)):
        assert got == pytest.approx(
            math.log(s) - log_normal + math.log(s * math.sqrt(2 * math.pi)) +
            e / math.sqrt(2))


def test_unlabelled_keypoints_do_not_count():
    loss = make_loss()
    mu = torch.randn(2, 3, 2, requires_grad=True)
    sigma = torch.rand(2, 3, 2)
    target = torch.randn(2, 3, 2)
    target[:, 1] = float('inf')
    weight = torch.ones(2, 3, 1)
    weight[:, 1] = 0
    value = loss(mu, sigma, target, weight)
    assert (value[:, 1] == 0).all() and value.isfinite().all()
    value.sum().backward()
    assert (mu.grad[:, 1] == 0).all() and mu.grad.isfinite().all()
    for parameter in loss.parameters():
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float32])
@pytest.mark.parametrize('logit', [-1e4, -50., 0., 50.])
def test_finite_for_any_deviation(logit, dtype):
    loss = make_loss()
    logits = torch.full((2, 3, 2), logit, dtype=dtype, requires_grad=True)
    mu = torch.full_like(logits, 0.4).detach().requires_grad_()
    value = loss(mu, logits.sigmoid(), torch.zeros_like(mu),
                 torch.ones(2, 3, 1))
    assert value.dtype == torch.float32 and value.isfinite().all()
    value.sum().backward()
    assert mu.grad.isfinite().all() and logits.grad.isfinite().all()


def test_small_deviation_still_learns_to_grow():
    sigma = torch.full((1, 1, 2), 1e-6, requires_grad=True)
    value = make_loss()(torch.ones(1, 1, 2), sigma, torch.zeros(1, 1, 2),
                        torch.ones(1, 1, 1))
    value.sum().backward()
    assert (sigma.grad < 0).all()


def test_nobody_leaves_no_parameter_out():
    loss = make_loss()
    nobody = torch.zeros(0, 3, 2, requires_grad=True)
    loss(nobody, nobody, nobody, torch.ones(0, 3, 1)).sum().backward()
    for parameter in loss.parameters():
        assert (parameter.grad == 0).all()


def test_autocast_changes_nothing():
    loss = make_loss()
    inputs = torch.randn(2, 3, 2), torch.rand(2, 3, 2), torch.randn(
        2, 3, 2), torch.ones(2, 3, 1)
    expected = loss(*inputs)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(loss(*inputs), expected)
