import torch
from mmengine.structures import InstanceData

from mmhqnet.structures.person_fields import resolve_fields
from mmhqnet.tracking.smoothing import RunningMeans


def test_tracks_that_are_gone_are_forgotten():
    means = RunningMeans()
    for keep in ([0, 1], [1], []):
        means.update(InstanceData(ages=torch.tensor([10., 20.])), [0, 1], keep)
    assert not means.counts and not means.sums


def test_without_attributes_nothing_is_made_up():
    persons = InstanceData(bboxes=torch.zeros(2, 4))
    RunningMeans().update(persons, [0, 1], [0, 1])
    assert persons.keys() == ['bboxes']


def test_one_sure_frame_does_not_decide_alone():
    means = RunningMeans()
    for score in (1., 0.1, 0.1, 0.1, 0.1, 0.1, 0.1):
        persons = InstanceData(
            gender_scores=torch.tensor([score]), genders=torch.tensor([1]))
        means.update(persons, [0], [0])
    assert persons.genders.tolist() == [0]


def test_attributes_of_a_config():
    table = resolve_fields(
        dict(
            hat=dict(type='category', classes=('none', 'cap', 'hood')),
            height_cm=dict(type='number', error=10)))
    means = RunningMeans(table)
    for hat, score, height in ((2, 0.9, 170.), (1, 0.5, 180.), (1, 0.6, 190.)):
        persons = InstanceData(
            hat=torch.tensor([hat]),
            hat_scores=torch.tensor([score]),
            height_cm=torch.tensor([height]))
        means.update(persons, [0], [0])
    assert persons.hat.tolist() == [1]
    torch.testing.assert_close(persons.hat_scores, torch.tensor([1.1 / 3]))
    torch.testing.assert_close(persons.height_cm, torch.tensor([180.]))
