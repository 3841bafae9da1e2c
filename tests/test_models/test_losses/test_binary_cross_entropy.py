import math

import pytest
import torch

from mmhqnet.models.losses import BinaryCrossEntropyLoss


def test_by_hand():
    loss = BinaryCrossEntropyLoss(loss_weight=3.0)
    logits = torch.tensor([[0., math.log(3)], [math.log(3), -50.]],
                          dtype=torch.float64)
    target = torch.tensor([[1., 1.], [0.25, 0.]])
    # sigmoid(log 3) = 3/4
    expected = [[math.log(2), math.log(4 / 3)],
                [0.25 * math.log(4 / 3) + 0.75 * math.log(4), 0.]]
    torch.testing.assert_close(
        loss(logits, target), 3 * torch.tensor(expected, dtype=torch.float64))


def test_label_1_is_a_positive_logit():
    """Not as mmdet's, which learns the probability of label 0."""
    loss = BinaryCrossEntropyLoss()
    logits = torch.tensor([4., -4.])
    right = loss(logits, torch.tensor([1, 0]))
    wrong = loss(logits, torch.tensor([0, 1]))
    assert right.max() < 0.02 and wrong.min() > 4


def test_float64_targets_keep_their_digits():
    loss = BinaryCrossEntropyLoss()
    value = loss(
        torch.tensor(1., dtype=torch.float64),
        torch.tensor(1 / 3, dtype=torch.float64))
    assert value.item() == pytest.approx(
        math.log(1 + math.e) - 1 / 3, rel=1e-14)
