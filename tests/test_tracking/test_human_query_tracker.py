"""Who somebody is follows from the human query, then from the box."""
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmhqnet.errors import InputError
from mmhqnet.tracking import HumanQueryTracker

pytest.importorskip('motmetrics')
DIMS = 16


def query_of(person, noise=0.0, seed=0):
    """Each person has a direction of its own; lengths differ."""
    rng = np.random.default_rng(person)
    vector = rng.normal(size=DIMS)
    vector /= np.linalg.norm(vector)
    noisy = vector + noise * np.random.default_rng(seed).normal(size=DIMS)
    return noisy * np.random.default_rng(seed + 1).uniform(0.5, 9)


def frame(number, persons, noise=0.05, score=0.9):
    """A frame with persons {person: (x, y)}, boxes of 20 x 40."""
    people = list(persons.items())
    boxes = [[x, y, x + 20, y + 40] for _, (x, y) in people]
    sample = DetDataSample(metainfo=dict(frame_id=number))
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4),
        scores=torch.full((len(people), ), score),
        labels=torch.zeros(len(people), dtype=torch.long),
        genders=torch.ones(len(people), dtype=torch.long),
        gender_scores=torch.full((len(people), ), 0.8),
        ages=torch.full((len(people), ), 30.),
        person=torch.tensor([person for person, _ in people]),
        human_queries=torch.tensor(
            np.array([
                query_of(person, noise, 100 * number + person)
                for person, _ in people
            ]).reshape(-1, DIMS),
            dtype=torch.float))
    return sample


def track(tracker, frames):
    """Identity of each person in each frame, {person: [id or None]}."""
    seen = {}
    for number, sample in enumerate(frames):
        result = tracker.track(data_sample=sample)
        for person, id in zip(result.person.tolist(),
                              result.instances_id.tolist()):
            seen.setdefault(person, {})[number] = id
    return seen


@pytest.fixture
def tracker():
    return HumanQueryTracker(
        num_tentatives=1,
        num_frames_retain=100,
        obj_score_thr=0.5,
        match_iou_thr=0.3)


def test_people_who_cross_keep_their_identity(tracker):
    frames = [
        frame(i, {
            1: (10 + 5 * i, 50),
            2: (110 - 5 * i, 50)
        }) for i in range(20)
    ]
    seen = track(tracker, frames)
    assert [set(ids.values()) for ids in seen.values()] == [{0}, {1}]


@pytest.mark.parametrize('gallery', ['min', 'mean'])
@pytest.mark.parametrize('gap', [4, 20])
def test_identity_survives_a_gap(gallery, gap):
    tracker = HumanQueryTracker(
        gallery=gallery, num_tentatives=1, num_frames_retain=100)
    here = [frame(i, {1: (50, 50), 2: (150, 50)}) for i in range(5)]
    nobody = [frame(5 + i, {}) for i in range(gap)]
    # both come back; after the long gap somewhere else
    place = {4: ((52, 50), (148, 50)), 20: ((150, 80), (20, 10))}[gap]
    back = [frame(5 + gap + i, dict(zip((1, 2), place))) for i in range(3)]
    seen = track(tracker, here + nobody + back)
    assert [set(ids.values()) for ids in seen.values()] == [{0}, {1}]


def test_a_new_person_in_an_old_place_is_somebody_else(tracker):
    frames = [frame(i, {1: (50, 50)}) for i in range(5)]
    frames += [frame(5, {}), frame(6, {3: (50, 50)})]
    seen = track(tracker, frames)
    assert set(seen[1].values()) == {0} and set(seen[3].values()) == {1}


def test_boxes_help_where_queries_fail(tracker):
    """A query that changed from one frame to the next."""
    frames = [frame(i, {1: (50 + i, 50)}) for i in range(5)]
    changed = frame(5, {1: (55, 50)})
    changed.pred_instances.human_queries *= -1
    seen = track(tracker, frames + [changed])
    assert set(seen[1].values()) == {0}


def test_motion_forbids_jumps_of_known_tracks(tracker):
    """Two people with the same looks: each stays where it is."""
    frames = []
    for i in range(8):
        sample = frame(i, {1: (20, 50), 2: (200, 50)})
        same = sample.pred_instances.human_queries[:1]
        sample.pred_instances.human_queries = same.repeat(2, 1)
        frames.append(sample)
    seen = track(tracker, frames)
    assert [set(ids.values()) for ids in seen.values()] == [{0}, {1}]


def test_order_of_the_persons_does_not_matter(tracker):
    frames = [
        frame(i, {
            1: (10 + 5 * i, 50),
            2: (110 - 5 * i, 50)
        }) for i in range(10)
    ]
    for sample in frames[1::2]:
        sample.pred_instances = sample.pred_instances[[1, 0]]
    seen = track(tracker, frames)
    assert [set(ids.values()) for ids in seen.values()] == [{0}, {1}]


def test_all_fields_stay_with_their_person(tracker):
    sample = frame(0, {1: (10, 50), 2: (110, 50)})
    sample.pred_instances.scores = torch.tensor([0.1, 0.9])
    result = tracker.track(data_sample=sample)
    assert result.person.tolist() == [2]
    assert set(sample.pred_instances.keys()) <= set(result.keys())


def test_a_new_video_starts_anew(tracker):
    for _ in range(2):
        seen = track(tracker, [frame(i, {1: (50, 50)}) for i in range(3)])
        assert set(seen[1].values()) == {0}


def test_attributes_are_those_of_the_track(tracker):
    ages, genders = [20., 40., 60.], [0.9, 0.9, 0.2]
    for i, (age, gender) in enumerate(zip(ages, genders)):
        sample = frame(i, {1: (50, 50)})
        sample.pred_instances.ages[:] = age
        sample.pred_instances.gender_scores[:] = gender
        result = tracker.track(data_sample=sample)
        assert result.ages.item() == pytest.approx(sum(ages[:i + 1]) / (i + 1))
    odds = torch.tensor(genders).logit().mean().sigmoid()
    torch.testing.assert_close(result.gender_scores[0], odds)
    assert result.genders.tolist() == [1]


def test_frames_without_anybody(tracker):
    assert len(tracker.track(data_sample=frame(0, {})).instances_id) == 0
    seen = track(tracker, [frame(0, {}), frame(1, {1: (5, 5)}), frame(2, {})])
    assert seen == {1: {1: 0}}


def test_memory_of_a_track_is_limited():
    tracker = HumanQueryTracker(gallery_size=5, num_frames_retain=10)
    track(tracker, [frame(i, {1: (50, 50)}) for i in range(20)])
    assert len(tracker.tracks[0].embeds) == 5
    for i in range(20, 60):
        tracker.track(data_sample=frame(i, {}))
    assert not tracker.tracks


def test_clear_errors(tracker):
    with pytest.raises(InputError, match='tracker.gallery'):
        HumanQueryTracker(gallery='median')
    sample = frame(0, {1: (5, 5)})
    del sample.pred_instances.human_queries
    with pytest.raises(InputError, match='with_queries=True'):
        tracker.track(data_sample=sample)
