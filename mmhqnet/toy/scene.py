"""One picture with its annotations, read off the painted labels."""
import numpy as np
from pycocotools import mask as mask_codec

from .body import sample_pose
from .canvas import Canvas, shade
from .figure import PARTS, Figure, visible_on
from .prompts import clothes_of
from .scenery import paint_backdrop, paint_thing
from .traits import sample_traits

KEYPOINT_NAMES = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear',
                  'left_shoulder', 'right_shoulder', 'left_elbow',
                  'right_elbow', 'left_wrist', 'right_wrist', 'left_hip',
                  'right_hip', 'left_knee', 'right_knee', 'left_ankle',
                  'right_ankle')
SKELETON = ((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12),
            (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2),
            (1, 3), (2, 4), (3, 5), (4, 6), (5, 7))  # COCO's, from 1
VALID = dict(labels=1, bboxes=1, keypoints_2d=1, segmentation=1, smpl=0,
             gender=1, age=1, face=0)
MIN_VISIBLE = 0.5  # share of a person that nothing may cover
CLOSE_UP = 0.1  # share of pictures that cut off the feet
MAX_ATTEMPTS = 50


def draw_scene(rng, height, width, max_persons=3, min_persons=1):
    """Draw a picture with some people.

    Args:
        rng (np.random.Generator): Source of all chance.
        height (int): Of the picture, in pixels.
        width (int): Of the picture, in pixels.
        max_persons (int): How many at most. Defaults to 3.
        min_persons (int): How many at least. Defaults to 1.

    Returns:
        tuple: The picture, uint8 RGB of shape (height, width, 3), and one
        COCO-UniHuman annotation (without ids) per person, far ones first.
    """
    for _ in range(MAX_ATTEMPTS):
        canvas = Canvas(height, width)
        figures, shares = _paint(canvas, rng, max_persons, min_persons)
        if min(shares) >= MIN_VISIBLE:
            break
    labels = canvas.label_map()
    annotations = [annotate(canvas, labels, figure) for figure in figures]
    return canvas.picture(), [ann for ann in annotations if ann is not None]


def _paint(canvas, rng, max_persons, min_persons):
    """Paint a whole picture: its figures and how much is seen of each."""
    num_persons = int(rng.integers(min_persons, max_persons + 1))
    adult = adult_height(canvas, rng, num_persons)
    margin = canvas.height - adult
    baseline = min(canvas.height * rng.uniform(0.93, 1.0),
                   adult + rng.uniform(0.3, 1) * margin + 2)
    if rng.random() < CLOSE_UP:
        baseline += rng.uniform(0.05, 0.3) * adult
    horizon = min(baseline - rng.uniform(0.12, 0.3) * adult,
                  0.88 * canvas.height)
    ground = paint_backdrop(canvas, rng, horizon)

    figures = []
    for index, x in enumerate(_positions(canvas, rng, num_persons, adult)):
        depth = rng.uniform(-1, 1)  # nearer people are lower and larger
        traits = sample_traits(rng)
        foot = (x, baseline + 0.035 * adult * depth)
        figures.append(
            Figure(traits, sample_pose(rng, traits), foot,
                   adult * (1 + 0.05 * depth), index + 1))
    things = []
    for _ in range(rng.binomial(3, 0.25)):
        y = baseline + rng.uniform(-0.12, 0.06) * adult
        things.append((rng.uniform(0, canvas.width), y))
    for foot in [figure.foot for figure in figures] + things:
        canvas.ellipse(foot, (0.13 * adult, 0.028 * adult),
                       shade(ground, 0.82))

    unoccluded = {}
    for actor in sorted(figures + things, key=_foot_row):
        if not isinstance(actor, Figure):
            paint_thing(canvas, rng, actor, adult)
            continue
        actor.paint(canvas)
        unoccluded[actor.index] = count_pixels(canvas, actor)
    figures.sort(key=_foot_row)
    return figures, [
        count_pixels(canvas, figure) / max(unoccluded[figure.index], 1)
        if figure.is_centred(canvas.height, canvas.width) else 0
        for figure in figures]


def adult_height(canvas, rng, num_persons):
    """Height of an adult at the baseline: the camera's scale, in pixels."""
    low, high = {1: (0.85, 1.05), 2: (0.82, 1.00)}.get(num_persons,
                                                       (0.68, 0.95))
    room = 2.4 * canvas.width / num_persons  # narrow pictures: fit in width
    return rng.uniform(low, high) * min(canvas.height, room)


def _positions(canvas, rng, num_persons, adult):
    """Columns to stand at: spread out, in random order, some overlap."""
    edge = min(0.09 * adult, 0.4 * canvas.width)
    slots = np.linspace(edge, canvas.width - edge, num_persons + 2)[1:-1]
    if num_persons == 1:
        return rng.uniform(edge, canvas.width - edge, 1)
    step = (canvas.width - 2 * edge) / (num_persons + 1)
    return rng.permutation(slots) + rng.uniform(-.55, .55, num_persons) * step


def _foot_row(actor):
    return actor.foot[1] if isinstance(actor, Figure) else actor[1]


def count_pixels(canvas, figure):
    """Pixels that a figure shows just now."""
    return np.count_nonzero(canvas.labels // PARTS == figure.index)


def annotate(canvas, labels, figure):
    """COCO-UniHuman annotation of a painted figure, None if not seen."""
    mask = labels // PARTS == figure.index
    area = int(np.count_nonzero(mask))
    if area == 0:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    bbox = [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]
    segmentation = mask_codec.encode(np.asfortranarray(mask, np.uint8))
    segmentation['counts'] = segmentation['counts'].decode()

    keypoints = []
    positions = figure.keypoints()
    for name in KEYPOINT_NAMES:
        keypoints += _keypoint(canvas, figure, name, *positions[name])
    annotation = dict(
        category_id=1, iscrowd=0, bbox=bbox, area=area,
        segmentation=segmentation, keypoints=keypoints,
        num_keypoints=sum(flag > 0 for flag in keypoints[2::3]),
        gender=figure.traits.gender, age=figure.traits.age,
        clothes=clothes_of(figure.traits), valid=dict(VALID))
    if keypoints[2] == 2:  # who shows the nose shows a face
        x1, y1, x2, y2 = figure.head.face_box()
        x1, y1 = max(x1, 0), max(y1, 0)
        x2, y2 = min(x2, canvas.width), min(y2, canvas.height)
        annotation['face_box'] = [
            round(float(value), 2) for value in (x1, y1, x2 - x1, y2 - y1)]
        annotation['valid']['face'] = 1
    return annotation


def _keypoint(canvas, figure, name, point, turned_here):
    """x, y and COCO visibility: 2 seen, 1 hidden, 0 outside the picture."""
    x, y = (round(float(value), 2) for value in point)
    label = canvas.label_at(x, y)
    if label is None:
        return [0, 0, 0]
    seen = any(label == figure.label(part) for part in visible_on(name))
    return [x, y, 2 if seen and turned_here else 1]
