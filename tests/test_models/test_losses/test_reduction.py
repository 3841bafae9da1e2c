import pytest
import torch
from mmdet.models.losses import L1Loss

from mmhqnet.models.losses import layer_mean, normaliser, reduction

EPS = 1.1920928955078125e-07  # of mmdet's losses


def test_layer_mean():
    loss = torch.arange(12.).double().view(2, 3, 2)
    factors = torch.tensor([3., 0.5])
    torch.testing.assert_close(
        layer_mean(loss, factors),
        torch.tensor([15 / (3 + EPS), 51 / (0.5 + EPS)], dtype=torch.float64),
        rtol=1e-12,
        atol=0)
    torch.testing.assert_close(
        layer_mean(loss, 2.),
        torch.tensor([15., 51.], dtype=torch.float64) / (2 + EPS))


def test_layer_mean_is_mmdets():
    pred, target = torch.rand(1, 5, 4).double(), torch.rand(1, 5, 4).double()
    expected = L1Loss()(pred[0], target[0], avg_factor=3)
    torch.testing.assert_close(
        layer_mean((pred - target).abs(), torch.tensor([3.]))[0],
        expected,
        rtol=1e-12,
        atol=0)


def test_layer_mean_of_nothing_keeps_the_graph():
    loss = torch.zeros(2, 0, requires_grad=True)
    layer_mean(loss, normaliser(loss)).sum().backward()
    assert loss.grad.shape == (2, 0)


@pytest.mark.parametrize('weight, expected', [
    (torch.tensor([[1., 1., 1.], [0., 0., 0.]]), [3., 1.]),
    (torch.tensor([[True, False], [True, True]]), [1., 2.]),
    (torch.zeros(2, 0), [1., 1.]),
    (torch.ones(2, 3, 4, dtype=torch.long), [12., 12.]),
])
def test_normaliser(weight, expected):
    """At least one, so that nothing is divided by zero."""
    assert normaliser(weight).tolist() == expected
    assert normaliser(weight).dtype == torch.float32


def test_count_is_averaged_over_processes(monkeypatch):
    """Only when told so; and limited after the average."""
    monkeypatch.setattr(reduction, 'reduce_mean', lambda total: total / 4)
    weight = torch.tensor([[1., 1.], [0., 0.]])
    assert normaliser(weight).tolist() == [1., 1.]
    assert normaliser(weight.repeat(1, 10)).tolist() == [5., 1.]
    assert normaliser(weight.repeat(1, 10), sync=False).tolist() == [20., 1.]
