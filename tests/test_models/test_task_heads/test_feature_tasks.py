"""Attributes of known persons from plain features."""
import pytest
import torch
from mmengine.structures import InstanceData

from mmhqnet.models.task_heads import FeatureTasks


@pytest.fixture
def tasks():
    torch.manual_seed(0)
    tasks = FeatureTasks(
        dict(gender=dict(type='GenderHead'), age=dict(type='AgeHead')),
        'attributes', 8)
    tasks.init_weights()
    return tasks


def persons(*genders):
    genders = torch.tensor(genders, dtype=torch.long)
    return InstanceData(genders=genders, ages=genders * 30)


def test_each_feature_is_that_of_its_person(tasks):
    """The features of images side by side learn as those of one image."""
    features = torch.randn(5, 8)
    apart = tasks.loss(features, [persons(0, 1), persons(), persons(1, 1, 0)])
    together = tasks.loss(features, [persons(0, 1, 1, 1, 0)])
    assert apart.keys() == together.keys() == {'loss_gender', 'loss_age'}
    for name, loss in apart.items():
        assert loss.shape == () and loss > 0
        torch.testing.assert_close(loss, together[name])
    swapped = tasks.loss(features, [persons(1, 0, 1, 1, 0)])
    assert not torch.isclose(swapped['loss_gender'], apart['loss_gender'])


def test_unknown_labels_give_no_gradient(tasks):
    features = torch.randn(2, 8, requires_grad=True)
    people = InstanceData(
        genders=torch.tensor([-1, 1]), ages=torch.tensor([-1, 20]))
    sum(tasks.loss(features, [people]).values()).backward()
    assert (features.grad[0] == 0).all() and features.grad[1].abs().max() > 0


def test_of_nobody(tasks):
    losses = tasks.loss(torch.zeros(0, 8), [persons()])
    assert all(loss == 0 for loss in losses.values())


def test_learns_and_predicts(tasks):
    features = torch.eye(8)[:3]
    people = [persons(0, 1), persons(1)]
    optimizer = torch.optim.Adam(tasks.parameters(), 0.1)
    for _ in range(150):
        optimizer.zero_grad()
        sum(tasks.loss(features, people).values()).backward()
        optimizer.step()
    columns = tasks.predict(features)
    assert columns['genders'].tolist() == [0, 1, 1]
    child, *others = columns['ages'].tolist()
    assert child < 20 and others == pytest.approx([30, 30], abs=1)
