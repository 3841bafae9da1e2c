"""Figures to draw."""
import numpy as np
import pytest

from mmhqnet.toy import KEYPOINT_NAMES
from mmhqnet.toy.body import sample_pose
from mmhqnet.toy.figure import Figure
from mmhqnet.toy.scene import annotate
from mmhqnet.toy.traits import MALE, sample_traits


@pytest.fixture
def person():
    """Makes the traits of a given age and gender."""
    return make_person


@pytest.fixture
def figure():
    """Makes an upright figure that faces where it is told."""
    return make_figure


@pytest.fixture
def label():
    """Annotation of a painted figure."""

    def annotate_figure(canvas, painted):
        return annotate(canvas, canvas.label_map(), painted)

    return annotate_figure


@pytest.fixture
def keypoints_of():
    """(x, y, visibility) by name, of an annotation."""

    def by_name(annotation):
        values = np.array(annotation['keypoints'], float).reshape(17, 3)
        return dict(zip(KEYPOINT_NAMES, values))

    return by_name


def make_person(age=30, gender=MALE, seed=0):
    rng = np.random.default_rng(seed)
    while True:
        traits = sample_traits(rng)
        if (traits.age, traits.gender) == (age, gender):
            return traits


def make_figure(
        foot=(60, 115), index=1, height=100, yaw=0.0, seed=0, **kwargs):
    traits = make_person(**kwargs)
    traits.cane = traits.balloon = False
    rng = np.random.default_rng(seed)
    while True:
        pose = sample_pose(rng, traits)
        limbs = [pose.joints[f'{side}_wrist'] for side in ('left', 'right')]
        if all(abs(wrist[0]) > 0.15 for wrist in limbs):
            break
    pose.yaw, pose.head_yaw = yaw, yaw
    return Figure(traits, pose, foot, height, index)
