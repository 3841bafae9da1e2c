"""The drawings of toy UniHuman: annotated exactly, age and gender visible."""
import numpy as np
import pytest

from mmhqnet.toy import KEYPOINT_NAMES, draw_scene
from mmhqnet.toy.body import sample_pose
from mmhqnet.toy.canvas import Canvas
from mmhqnet.toy.figure import PARTS, Figure
from mmhqnet.toy.scene import annotate as annotate_with
from mmhqnet.toy.traits import FEMALE, MALE, MAX_AGE, fashion, sample_traits


def person(age=30, gender=MALE, seed=0):
    """Traits of a given age and gender."""
    rng = np.random.default_rng(seed)
    while True:
        traits = sample_traits(rng)
        if (traits.age, traits.gender) == (age, gender):
            return traits


def figure(foot=(60, 115), index=1, height=100, yaw=0.0, seed=0, **kwargs):
    """An upright figure that faces where it is told."""
    traits = person(**kwargs)
    traits.cane = traits.balloon = False
    rng = np.random.default_rng(seed)
    while True:
        pose = sample_pose(rng, traits)
        limbs = [pose.joints[f'{side}_wrist'] for side in ('left', 'right')]
        if all(abs(wrist[0]) > 0.15 for wrist in limbs):
            break
    pose.yaw, pose.head_yaw = yaw, yaw
    return Figure(traits, pose, foot, height, index)


def annotate(canvas, painted):
    return annotate_with(canvas, canvas.label_map(), painted)


def keypoints_of(annotation):
    values = np.array(annotation['keypoints'], float).reshape(17, 3)
    return dict(zip(KEYPOINT_NAMES, values))


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


def test_visibility_flags(scenes):
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


def test_face_box_goes_with_a_seen_nose(scenes):
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


def test_left_and_right_swap_when_seen_from_behind():
    for yaw, sign in ((0.0, 1), (np.pi, -1)):
        canvas = Canvas(120, 120)
        painted = figure(yaw=yaw)
        painted.paint(canvas)
        points = keypoints_of(annotate(canvas, painted))
        for joint in ('eye', 'ear', 'shoulder', 'hip', 'ankle'):
            left, right = points[f'left_{joint}'], points[f'right_{joint}']
            assert sign * (left[0] - right[0]) > 0
        assert points['nose'][2] == (2 if sign > 0 else 1)
        assert points['left_shoulder'][2] == 2


def test_near_person_hides_the_far_one():
    canvas = Canvas(120, 140)
    far = figure(foot=(65, 112), index=1, seed=1)
    near = figure(foot=(72, 116), index=2, gender=FEMALE, seed=2)
    far.paint(canvas)
    alone = annotate(canvas, far)
    near.paint(canvas)
    covered, front = annotate(canvas, far), annotate(canvas, near)
    assert covered['area'] < 0.8 * alone['area']
    labels = canvas.label_map() // PARTS
    assert front['area'] == (labels == 2).sum()
    before, after = keypoints_of(alone), keypoints_of(covered)
    hidden = [
        name for name in KEYPOINT_NAMES
        if before[name][2] == 2 and after[name][2] == 1
    ]
    assert len(hidden) >= 3
    for name in KEYPOINT_NAMES:  # hiding moves nothing
        assert np.array_equal(before[name][:2], after[name][:2])


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


def test_things_hide_people_and_are_no_people():
    canvas = Canvas(120, 120)
    painted = figure()
    painted.paint(canvas)
    whole = annotate(canvas, painted)
    canvas.box(0, 80, 120, 40, (90, 90, 90), label=0)
    legless = annotate(canvas, painted)
    assert legless['bbox'][1] + legless['bbox'][3] <= 80
    assert legless['area'] < whole['area']
    assert keypoints_of(legless)['left_ankle'][2] == 1
    assert keypoints_of(legless)['left_shoulder'][2] == 2


def test_age_shows():
    heights = [
        figure(age=age).points['pelvis'][1] - figure(age=age).points['head'][1]
        for age in (0, 4, 9, 20)
    ]
    assert heights == sorted(heights) and heights[0] < 0.6 * heights[-1]
    assert person(2).head > person(8).head > person(25).head
    grey = [
        np.mean([np.ptp(person(age, seed=seed).hair) for seed in range(12)])
        for age in (20, 55, 80)
    ]
    assert grey[0] > grey[1] > grey[2]
    assert person(80).stoop > person(40).stoop
    for age in range(0, MAX_AGE - 15):  # no two generations dress alike
        assert np.abs(fashion(age) - fashion(age + 15)).sum() > 40


def test_gender_shows():
    styles = {
        gender: {person(30, gender, seed).hair_style
                 for seed in range(20)}
        for gender in (MALE, FEMALE)
    }
    assert not styles[MALE] & styles[FEMALE]
    outfits = [person(30, FEMALE, seed).outfit for seed in range(20)]
    assert np.mean([outfit != 'trousers' for outfit in outfits]) > 0.7
    assert all(
        person(30, MALE, seed).outfit in ('trousers', 'shorts')
        for seed in range(20))


@pytest.mark.parametrize('height, width, persons', [(48, 48, 1), (150, 48, 3),
                                                    (48, 150, 3),
                                                    (96, 96, 12)])
def test_any_size(height, width, persons):
    for seed in range(5):
        picture, people = draw_scene(
            np.random.default_rng(seed), height, width, persons)
        assert picture.shape == (height, width, 3)
        assert 1 <= len(people) <= persons
