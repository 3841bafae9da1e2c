"""Skeletons: bones keep their length, feet stay on the ground."""
import numpy as np
import pytest

from mmhqnet.toy.body import project, sample_pose, walking_pose

BONES = [('shoulder', 'elbow', 'arm', 0.53), ('elbow', 'wrist', 'arm', 0.47)]


@pytest.mark.parametrize('seed', range(8))
def test_bones_keep_their_length(person, seed):
    traits = person(seed=seed)
    poses = [sample_pose(np.random.default_rng(seed), traits)]
    poses += [walking_pose(traits, phase, 0.3) for phase in (0, 1, 2, 4)]
    for pose in poses:
        for side in ('left', 'right'):
            for upper, lower, limb, share in BONES:
                bone = pose.joints[f'{side}_{upper}'] \
                    - pose.joints[f'{side}_{lower}']
                assert np.linalg.norm(bone) == pytest.approx(
                    share * getattr(traits, limb))


def test_a_walk_swings_both_legs(person):
    traits = person()
    ahead = [
        pose.joints['left_ankle'][2] - pose.joints['right_ankle'][2]
        for pose in (walking_pose(traits, phase, 0.0)
                     for phase in (np.pi / 2, 3 * np.pi / 2))
    ]
    assert ahead[0] > 0.1 and ahead[1] == pytest.approx(-ahead[0])


def test_turning_round_mirrors_the_picture():
    points = np.array([[0.2, 0.5, 0], [-0.2, 0.5, 0]])  # left, right
    front, back = (
        project(points, yaw, (50, 90), 80)[0][:, 0] for yaw in (0, np.pi))
    assert front[0] > 50 > front[1]
    assert back == pytest.approx(front[::-1])
