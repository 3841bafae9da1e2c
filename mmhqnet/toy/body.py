"""Posed 3D skeletons and how the camera sees them.

Body coordinates: x to the person's own left, y up, z forward; the unit is
the person's stature.
"""
from dataclasses import dataclass

import numpy as np

SIDES = (('left', 1), ('right', -1))
CAMERA_PITCH = np.deg2rad(10)  # looks down a little: feet are seen from above

# arms: (abduction, flexion) of the upper arm, then of the forearm, degrees
ARMS = dict(
    relaxed=((10, 26), (-12, 12), (2, 22), (4, 26)),
    hip=((40, 52), (-14, -4), (-58, -42), (8, 20)),
    up=((125, 158), (0, 14), (140, 185), (0, 14)),
    wave=((72, 108), (0, 14), (150, 182), (4, 18)),
    side=((68, 98), (-6, 10), (62, 104), (-4, 12)),
    across=((14, 24), (4, 16), (-52, -30), (28, 42)),
    cane=((16, 26), (8, 20), (14, 26), (30, 42)))
# legs: (abduction, flexion) of the thigh, then of the shin
LEGS = dict(
    stand=((2, 7), (-4, 6), (0, 6), (-8, 0)),
    apart=((14, 24), (-4, 8), (10, 22), (-10, 0)),
    front=((2, 8), (16, 28), (0, 6), (6, 14)),
    back=((2, 8), (-22, -12), (0, 6), (-46, -26)),
    raised=((6, 14), (46, 64), (4, 12), (-30, -12)))
# activity: (left arm, right arm, left leg, right leg); half are mirrored
ACTIVITIES = dict(
    stand=('relaxed', 'relaxed', 'stand', 'stand'),
    greet=('wave', 'relaxed', 'stand', 'stand'),
    confident=('hip', 'hip', 'apart', 'apart'),
    casual=('hip', 'relaxed', 'stand', 'apart'),
    point=('side', 'relaxed', 'stand', 'apart'),
    cheer=('up', 'up', 'apart', 'apart'),
    call=('up', 'hip', 'stand', 'stand'),
    walk=('relaxed', 'relaxed', 'front', 'back'),
    run=('across', 'side', 'raised', 'back'),
    hold=('across', 'across', 'stand', 'stand'),
    cane=('cane', 'relaxed', 'stand', 'stand'))
LIVELINESS = dict(  # how often the young and the old do what
    stand=(4, 5), greet=(2, 2), confident=(3, 2), casual=(4, 3), point=(1, 1),
    cheer=(1, .2), call=(.5, .3), walk=(4, 3), run=(1, 0), hold=(.5, 1))


@dataclass
class Pose:
    """Joint positions of a person.

    Attributes:
        joints (dict[str, np.ndarray]): 3D points by name, shape (3, ).
        yaw (float): Radians; 0 faces the viewer, positive turns the person
            to the image's right.
        head_yaw (float): Same for the head.
        head_roll (float): Tilt of the head in the image plane, radians.
        prop_side (str): Which hand holds the cane or the balloon.
    """
    joints: dict
    yaw: float
    head_yaw: float
    head_roll: float
    prop_side: str


def _direction(angles, side):
    abduction, flexion = np.deg2rad(angles)
    return np.array([
        side * np.sin(abduction) * np.cos(flexion),
        -np.cos(abduction) * np.cos(flexion),
        np.sin(flexion)
    ])


def _segments(rng, ranges, side):
    """Directions of the upper and the lower segment of a limb."""
    angles = [rng.uniform(*limits) for limits in ranges]
    return _direction(angles[:2], side), _direction(angles[2:], side)


def _activity(rng, traits):
    """Names of the limbs' poses, and the side that holds a prop."""
    age_weight = np.clip((traits.age - 10) / 70, 0, 1)
    weights = np.array([young + (old - young) * age_weight
                        for young, old in LIVELINESS.values()])
    name = rng.choice(list(LIVELINESS), p=weights / weights.sum())
    left_arm, right_arm, left_leg, right_leg = ACTIVITIES[name]
    if traits.cane:
        left_arm, right_arm, left_leg, right_leg = ACTIVITIES['cane']
    elif traits.balloon:
        left_arm = 'wave'
    if rng.random() < 0.5:
        return (right_arm, left_arm, right_leg, left_leg), 'right'
    return (left_arm, right_arm, left_leg, right_leg), 'left'


def _sample_yaw(rng):
    # Few turn their backs: left and right are hard to tell apart then.
    kind = rng.random()
    if kind < 0.86:
        degrees = rng.uniform(-30, 30)
    elif kind < 0.97:
        degrees = rng.uniform(32, 68) * rng.choice([-1, 1])
    else:
        degrees = 180 + rng.uniform(-35, 35)
    return np.deg2rad(degrees)


def sample_pose(rng, traits):
    """Put a person into a pose.

    Args:
        rng (np.random.Generator): Source of all chance.
        traits (Traits): Whose body it is.

    Returns: Standing on y = 0.
    """
    names, prop_side = _activity(rng, traits)
    lean = np.deg2rad(rng.normal(0, 2.5))
    limbs = {}
    for index, (name, side) in enumerate(SIDES):
        limbs[f'{name}_arm'] = _segments(rng, ARMS[names[index]], side)
        limbs[f'{name}_leg'] = _segments(rng, LEGS[names[2 + index]], side)
    yaw = _sample_yaw(rng)
    return Pose(
        _joints(traits, limbs, lean), yaw,
        yaw + np.deg2rad(rng.normal(0, 10)), np.deg2rad(rng.normal(0, 5)),
        prop_side)


def walking_pose(traits, phase, yaw):
    """Put a person into a moment of a walk.

    Args:
        traits (Traits): Whose body it is.
        phase (float): Radians; two steps are 2 pi.
        yaw (float): Where the person walks to, see :class:`Pose`.

    Returns: Standing on y = 0.
    """
    limbs = {}
    for name, side in SIDES:
        swing = side * np.sin(phase)  # of the leg; the arm goes against it
        knee = 30 * max(0, side * np.cos(phase)) + 4  # bends on its way
        limbs[f'{name}_arm'] = (_direction((14, -18 * swing), side),
                                _direction((8, 12 - 18 * swing), side))
        limbs[f'{name}_leg'] = (_direction((4, 22 * swing), side),
                                _direction((2, 22 * swing - knee), side))
    return Pose(_joints(traits, limbs, 0.0), yaw, yaw, 0.0, 'right')


def _joints(traits, limbs, lean):
    """Joints of a body that stands on y = 0, from its limbs' directions."""
    neck = 0.035
    torso = 1 - traits.leg - traits.head - neck
    stoop = np.deg2rad(traits.stoop)
    spine = np.array([np.sin(lean), np.cos(lean) * np.cos(stoop),
                      np.sin(stoop)])
    across = np.array([np.cos(lean), -np.sin(lean), 0])
    joints = {'pelvis': np.array([0, traits.leg, 0])}
    joints['neck'] = joints['pelvis'] + spine * torso
    nod = np.array([spine[0], np.cos(1.7 * stoop), np.sin(1.7 * stoop)])
    joints['head'] = joints['neck'] + nod * (neck + traits.head / 2)

    for name, side in SIDES:
        shoulder = (joints['neck'] + across * side * traits.shoulder -
                    spine * 0.04)
        upper, lower = limbs[f'{name}_arm']
        joints[f'{name}_shoulder'] = shoulder
        joints[f'{name}_elbow'] = shoulder + upper * traits.arm * 0.53
        joints[f'{name}_wrist'] = (
            joints[f'{name}_elbow'] + lower * traits.arm * 0.47)
        joints[f'{name}_hand'] = (
            joints[f'{name}_wrist'] + lower * 0.034)

        hip = joints['pelvis'] + across * side * traits.hip
        upper, lower = limbs[f'{name}_leg']
        joints[f'{name}_hip'] = hip
        joints[f'{name}_knee'] = hip + upper * traits.leg * 0.49
        ankle = joints[f'{name}_knee'] + lower * traits.leg * 0.43
        joints[f'{name}_ankle'] = ankle
        joints[f'{name}_toe'] = ankle + np.array(
            [side * 0.035, -traits.leg * 0.055, 0.085])

    ground = min(joints['left_toe'][1], joints['right_toe'][1]) - 0.02
    return {name: point - (0, ground, 0) for name, point in joints.items()}


def project(points, yaw, foot, scale):
    """See body points from the camera (orthographic).

    Args:
        points (np.ndarray): Body coordinates of shape (..., 3).
        yaw (float): Turn of the body in radians.
        foot (Sequence[float]): Image position of the body's origin.
        scale (float): Pixels per unit of body coordinates.

    Returns:
        tuple: Image points of shape (..., 2) in pixels, and their depth
        towards the viewer of shape (...) in body units.
    """
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    right = x * np.cos(yaw) + z * np.sin(yaw)
    depth = z * np.cos(yaw) - x * np.sin(yaw)
    down = depth * np.sin(CAMERA_PITCH) - y * np.cos(CAMERA_PITCH)
    return np.stack([foot[0] + right * scale, foot[1] + down * scale],
                    axis=-1), depth
