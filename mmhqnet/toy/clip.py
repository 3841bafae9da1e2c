"""Clips of walking people: they cross, hide, leave and come back."""
import copy
from dataclasses import dataclass

import numpy as np

from .body import sample_pose, walking_pose
from .canvas import Canvas
from .figure import Figure
from .scene import adult_height, annotate, count_pixels
from .scenery import paint_backdrop, paint_thing
from .traits import sample_traits

MIN_SEEN = 0.2  # share of a figure from which on it is annotated
STRIDE = 0.42  # length of a step, in adult heights


@dataclass
class Walk:
    """Where a person is in each of n frames.

    Attributes:
        x (np.ndarray): Column of the standing point in pixels, (n, ).
        yaw (np.ndarray): Turn of the body in radians, (n, ).
        phase (np.ndarray): Of the steps in radians, (n, ).
        walks (np.ndarray): False where the person stands, (n, ).
    """
    x: np.ndarray
    yaw: np.ndarray
    phase: np.ndarray
    walks: np.ndarray


def sample_walk(rng, width, num_frames, adult):
    """A way through the picture, with stops and absences.

    Args:
        rng (np.random.Generator): Source of all chance.
        width (int): Of the picture, in pixels.
        num_frames (int): Length of the clip.
        adult (float): Height of an adult, in pixels.

    Returns: Of ``num_frames`` frames.
    """
    speed = rng.uniform(0.015, 0.030) * adult
    turn = np.deg2rad(rng.uniform(22, 42))
    outside = 0.35 * adult
    x = rng.uniform(0.1, 0.9) * width
    if rng.random() < 0.3:
        x = rng.choice([-outside, width + outside])
    columns = [x]
    while len(columns) < num_frames:
        goal, pause = _next_goal(rng, x, width, outside)
        steps = max(1, round(abs(goal - x) / speed))
        columns += list(np.linspace(x, goal, steps + 1)[1:])
        columns += [goal] * pause
        x = goal
    x = np.array(columns[:num_frames])
    step = np.diff(x, prepend=x[0])
    yaw = np.convolve(np.pad(turn * np.sign(step), 3, 'edge'),
                      np.full(7, 1 / 7), 'valid')  # nobody turns at once
    phase = np.cumsum(np.abs(step)) / (STRIDE * adult) * np.pi
    return Walk(x, yaw, phase + rng.uniform(0, 2 * np.pi), step != 0)


def _next_goal(rng, x, width, outside):
    """The next column to walk to, and how many frames to stay there."""
    if 0 <= x <= width and rng.random() < 0.3:  # leave for a while
        goal = -outside if x < width / 2 else width + outside
        return goal, int(rng.integers(8, 20))
    goal = rng.uniform(0.08, 0.92) * width
    if 0 <= x <= width and abs(goal - x) < 0.3 * width:  # rather cross
        goal = width - x
    return goal, int(rng.choice([0, 0, 6, 12]))


@dataclass
class Actor:
    """A person of a clip."""
    traits: object
    standing: object  # the pose between walks
    walk: Walk
    row: float
    adult: float
    index: int

    def figure(self, frame):
        """The posed figure of a frame."""
        walk = self.walk
        pose = self.standing
        if walk.walks[frame]:
            pose = walking_pose(self.traits, walk.phase[frame],
                                walk.yaw[frame])
        return Figure(self.traits, pose, (walk.x[frame], self.row), self.adult,
                      self.index)


def draw_clip(rng, height, width, num_frames=60, max_persons=4):
    """Draw a clip of 2 to ``max_persons`` people in front of a still camera.

    Args:
        rng (np.random.Generator): Source of all chance.
        height (int): Of the pictures, in pixels.
        width (int): Of the pictures, in pixels.
        num_frames (int): Length.
        max_persons (int): People in the whole clip.

    Yields:
        tuple: A frame, uint8 RGB (height, width, 3), and the annotations of
        the persons that are seen in it, as of :func:`draw_scene`, with a
        ``track_id`` that counts from 1.
    """
    backdrop = Canvas(height, width)
    num_persons = int(rng.integers(2, max_persons + 1))
    adult = adult_height(backdrop, rng, min(num_persons, 3))
    baseline = min(height * rng.uniform(0.93, 1.0), adult + 0.1 * height)
    paint_backdrop(backdrop, rng, min(baseline - 0.2 * adult, 0.88 * height))
    actors = _sample_actors(rng, width, num_frames, num_persons, adult,
                            baseline)
    # things have a place in depth, and look the same in every frame
    things = [(baseline + rng.uniform(-0.06, 0.06) * adult,
               rng.uniform(0, width), int(rng.integers(2**31)))
              for _ in range(rng.binomial(2, 0.5))]
    for frame in range(num_frames):
        canvas = copy.deepcopy(backdrop)
        yield _draw_frame(canvas, frame, actors, things, adult)


def _sample_actors(rng, width, num_frames, num_persons, adult, baseline):
    actors = []
    # no two persons walk at the same depth
    depths = rng.permutation(np.linspace(-1, 1, num_persons))
    for index, depth in enumerate(depths, 1):
        traits = sample_traits(rng)
        traits.cane = traits.balloon = False  # hands swing
        size = adult * (1 + 0.05 * depth)
        actors.append(
            Actor(traits, sample_pose(rng, traits),
                  sample_walk(rng, width, num_frames, size),
                  baseline + 0.035 * adult * depth, size, index))
    return actors


def _draw_frame(canvas, frame, actors, things, adult):
    figures = {actor.row: actor.figure(frame) for actor in actors}
    whole = {}
    for row, x, seed in sorted(things + [(row, None, None)
                                         for row in figures],
                               key=lambda thing: thing[0]):
        if seed is not None:
            paint_thing(canvas, np.random.default_rng(seed), (x, row), adult)
        else:
            figures[row].paint(canvas)
            whole[row] = count_pixels(canvas, figures[row])
    labels = canvas.label_map()
    annotations = []
    for row, figure in sorted(figures.items()):
        seen = count_pixels(canvas, figure) / max(whole[row], 1)
        annotation = annotate(canvas, labels, figure)
        in_picture = 0 <= figure.foot[0] < canvas.width
        if annotation is not None and in_picture and seen >= MIN_SEEN:
            annotations.append(dict(annotation, track_id=figure.index))
    return canvas.picture(), annotations
