"""Whole scenes: annotated exactly, people overlap and vary."""
import numpy as np
import pytest

from mmhqnet.toy import draw_scene
from mmhqnet.toy.figure import Figure
from mmhqnet.toy.traits import MAX_AGE


@pytest.fixture(scope='module')
def scenes():
    """150 scenes of 96 x 112 pixels."""
    return [
        draw_scene(np.random.default_rng([7, index]), 96, 112)
        for index in range(150)
    ]


def test_picture_and_people(scenes):
    assert {len(people) for _, people in scenes} == {1, 2, 3}
    for picture, _ in scenes:
        assert picture.shape == (96, 112, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 5


def test_visibility_flags(scenes, keypoints_of):
    flags = []
    for _, people in scenes:
        for ann in people:
            keypoints = np.array(list(keypoints_of(ann).values()))
            visibility = keypoints[:, 2]
            assert ann['num_keypoints'] == (visibility > 0).sum()
            assert np.all(keypoints[visibility == 0] == 0)
            labelled = keypoints[visibility > 0, :2]
            assert np.all((labelled >= 0) & (labelled < (112, 96)))
            flags.extend(visibility)
    shares = [np.mean(np.array(flags) == flag) for flag in (0, 1, 2)]
    assert 0.005 < shares[0] < 0.15
    assert 0.08 < shares[1] < 0.4
    assert shares[2] > 0.55


def test_face_box_goes_with_a_seen_nose(scenes, keypoints_of):
    for _, people in scenes:
        for ann in people:
            nose = keypoints_of(ann)['nose']
            assert ann['valid']['face'] == ('face_box' in ann) == (
                nose[2] == 2)
            if 'face_box' in ann:
                x, y, width, height = ann['face_box']
                assert 0 <= x and x + width <= 112.01
                assert 0 <= y and y + height <= 96.01
                # the tip of a nose in profile may stick out of the face
                assert x - 0.1 * height <= nose[0]
                assert nose[0] <= x + width + 0.1 * height
                assert y <= nose[1] <= y + height


def test_people_overlap_and_vary(scenes):
    people = [ann for _, group in scenes for ann in group]
    ages = np.array([ann['age'] for ann in people])
    genders = np.array([ann['gender'] for ann in people])
    assert ages.min() >= 0 and ages.max() <= MAX_AGE
    assert np.all(np.histogram(ages, 5, (0, 85))[0] > 0.1 * len(ages))
    assert 0.4 < genders.mean() < 0.6
    touching = 0
    for _, group in scenes:
        boxes = np.array([ann['bbox'] for ann in group], float)
        for i, (x, _, width, _) in enumerate(boxes):
            touching += any(x < other[0] + other[2] and other[0] < x + width
                            for other in np.delete(boxes, i, axis=0))
    assert touching > 0.3 * len(people)


def test_far_people_are_painted_first(monkeypatch):
    rows, paint = [], Figure.paint

    def record(figure, canvas):
        rows.append(figure.foot[1])
        paint(figure, canvas)

    monkeypatch.setattr(Figure, 'paint', record)
    for seed in range(12):
        _, people = draw_scene(np.random.default_rng(seed), 64, 64, 4)
        final = rows[-len(people):]  # earlier attempts came before
        assert final == sorted(final)


@pytest.mark.parametrize('height, width, persons', [(48, 48, 1), (150, 48, 3),
                                                    (48, 150, 3),
                                                    (96, 96, 12)])
def test_any_size(height, width, persons):
    for seed in range(5):
        picture, people = draw_scene(
            np.random.default_rng(seed), height, width, persons)
        assert picture.shape == (height, width, 3)
        assert 1 <= len(people) <= persons
