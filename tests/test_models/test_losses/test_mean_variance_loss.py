import math

import pytest
import torch

from mmhqnet.models.losses import MeanVarianceLoss, expected_value


def test_expected_value():
    """Bins are years from 0: half of 2 and half of 6 is 4."""
    logits = torch.full((85, ), -100.)
    logits[[2, 6]] = 0
    assert expected_value(logits).item() == pytest.approx(4)
    assert expected_value(torch.zeros(3, 2, 85)).shape == (3, 2)
    torch.testing.assert_close(
        expected_value(torch.zeros(85)), torch.tensor(42.))


def test_by_hand():
    """p = (1/4, 1/4, 1/2): mean 5/4, variance 11/16; the age is 2."""
    logits = torch.tensor([1., 1., 2.]).log().double()[None]
    loss = MeanVarianceLoss(
        mean_weight=3., variance_weight=5., ce_weight=7., loss_weight=2.)
    expected = 2 * (3 * (3 / 4)**2 + 5 * 11 / 16 + 7 * math.log(2))
    assert loss(logits, torch.tensor([2])).item() == pytest.approx(expected)


def test_weights_of_the_paper():
    """0.002 and 0.01 as in table A5, and 0.1 of cross entropy."""
    torch.manual_seed(0)
    logits, ages = torch.randn(6, 85).double(), torch.randint(0, 85, (6, ))
    years = torch.arange(85.).double()
    prob = logits.softmax(1)
    mean = prob @ years
    variance = (prob * (years - mean[:, None])**2).sum(1)
    entropy = -prob[torch.arange(6), ages].log()
    expected = 0.002 * (mean - ages)**2 + 0.01 * variance + 0.1 * entropy
    torch.testing.assert_close(MeanVarianceLoss()(logits, ages), expected)


def test_shapes_and_gradient():
    logits = torch.randn(3, 2, 85).double().requires_grad_()
    ages = torch.randint(0, 85, (3, 2))
    loss = MeanVarianceLoss()
    losses = loss(logits, ages)
    assert losses.shape == (3, 2)
    torch.testing.assert_close(losses[1], loss(logits[1], ages[1]))
    assert torch.autograd.gradcheck(lambda x: loss(x, ages[:1, :1]),
                                    logits[:1, :1])
    assert loss(logits[:, :0], ages[:, :0]).shape == (3, 0)
