"""The world around the people: backdrops, and things that stand about."""
import numpy as np

from .canvas import mix, shade

PASTELS = np.array([(214, 226, 236), (236, 228, 214), (222, 234, 220),
                    (238, 220, 224), (228, 222, 238), (208, 224, 222)], float)
FLOORS = np.array([(196, 170, 138), (170, 176, 180), (188, 188, 160),
                   (160, 150, 146), (204, 190, 170)], float)
GRASS = np.array([(158, 190, 120), (136, 176, 118), (188, 194, 128)], float)
BRIGHT = np.array([(222, 84, 74), (72, 132, 200), (240, 190, 70),
                   (104, 168, 96), (150, 104, 180), (236, 140, 80)], float)


def paint_backdrop(canvas, rng, horizon):
    """Fill the picture with a place.

    Args:
        canvas (Canvas): Painted on.
        rng (np.random.Generator): Source of all chance.
        horizon (float): Row where the ground begins, in pixels.

    Returns: Colour of the ground.
    """
    place = rng.choice(['park', 'room', 'street', 'abstract'])
    return {'park': _park, 'room': _room, 'street': _street,
            'abstract': _abstract}[place](canvas, rng, horizon)


def _ground(canvas, colour, horizon):
    canvas.box(-2, horizon, canvas.width + 4, canvas.height, colour)


def _park(canvas, rng, horizon):
    width, height = canvas.width, canvas.height
    canvas.gradient((150, 196, 232), (226, 238, 244))
    if rng.random() < 0.5:
        radius = rng.uniform(0.05, 0.09) * height
        canvas.ellipse((rng.uniform(0, width), rng.uniform(.05, .25) * height),
                       (radius, radius), (252, 222, 120))
    for _ in range(rng.integers(1, 4)):
        _cloud(canvas, rng, (rng.uniform(0, width),
                             rng.uniform(0.05, 0.35) * height))
    for _ in range(2):
        canvas.ellipse((rng.uniform(0, width), horizon + 0.05 * height),
                       (rng.uniform(.3, .7) * width,
                        rng.uniform(.1, .28) * height),
                       shade((150, 186, 150), rng.uniform(0.9, 1.3)))
    grass = rng.choice(GRASS)
    _ground(canvas, grass, horizon)
    for _ in range(rng.integers(1, 4)):
        _tree(canvas, rng, (rng.uniform(0, width), horizon + rng.uniform(
            0, 0.06) * height), rng.uniform(0.3, 0.65) * height)
    for _ in range(rng.integers(8, 20)):
        x, y = rng.uniform(0, width), rng.uniform(horizon, height)
        canvas.line([(x - 1, y - 2), (x, y), (x + 1.5, y - 2)],
                    shade(grass, 0.8), 0.8)
    return grass


def _cloud(canvas, rng, middle):
    size = rng.uniform(0.04, 0.08) * canvas.height
    for step in (-1.2, 0, 1.2):
        canvas.ellipse((middle[0] + step * size, middle[1] - size *
                        rng.uniform(0, 0.5)), (size * 1.2, size * 0.8),
                       (248, 250, 252))


def _tree(canvas, rng, foot, size):
    trunk = 0.07 * size
    canvas.box(foot[0] - trunk, foot[1] - size, 2 * trunk, size,
               (128, 98, 72), outline=0.5)
    green = shade((96, 146, 90), rng.uniform(0.85, 1.3))
    for x, y in ((-.22, -.85), (.22, -.85), (0, -1.1), (0, -.8)):
        radius = rng.uniform(0.2, 0.28) * size
        canvas.ellipse((foot[0] + x * size, foot[1] + y * size),
                       (radius, radius), shade(green, rng.uniform(.92, 1.1)))


def _room(canvas, rng, horizon):
    width, height = canvas.width, canvas.height
    wall = rng.choice(PASTELS)
    canvas.gradient(wall, shade(wall, 0.92))
    step = rng.uniform(0.06, 0.16) * width
    paper = rng.choice(['stripes', 'dots', 'plain'])
    if paper == 'stripes':
        for x in np.arange(0, width, 2 * step):
            canvas.box(x, 0, step, horizon, shade(wall, 0.95))
    elif paper == 'dots':
        for row, y in enumerate(np.arange(0, horizon, step)):
            for x in np.arange(row % 2 * step / 2, width, step):
                canvas.ellipse((x, y), (0.14 * step, 0.14 * step),
                               shade(wall, 0.88))
    floor = rng.choice(FLOORS)
    _ground(canvas, floor, horizon)
    canvas.box(0, horizon - 0.02 * height, width, 0.03 * height,
               shade(wall, 1.6))
    for row in range(1, 5):
        y = horizon + (height - horizon) * (row / 5)**1.5
        canvas.line([(0, y), (width, y)], shade(floor, 0.88), 0.8)
    for _ in range(rng.integers(1, 4)):
        _picture_frame(canvas, rng)
    if rng.random() < 0.5:
        _window(canvas, rng)
    if rng.random() < 0.6:
        _cupboard(canvas, rng, horizon)
    return floor


def _picture_frame(canvas, rng):
    size = rng.uniform(0.1, 0.2, 2) * canvas.height
    x, y = rng.uniform(0, canvas.width), rng.uniform(0.03, .4) * canvas.height
    canvas.box(x, y, *size, shade(rng.choice(FLOORS), 0.7), outline=0.5)
    canvas.box(x + 2, y + 2, *(size - 4), rng.choice(PASTELS))
    canvas.ellipse((x, y) + size / 2, size / 4,
                   mix(rng.choice(BRIGHT), (255, 255, 255), 0.3))


def _window(canvas, rng):
    size = rng.uniform(0.2, 0.34) * min(canvas.height, canvas.width)
    x, y = rng.uniform(0, canvas.width - size), 0.1 * canvas.height
    canvas.box(x, y, size, size * 1.2, (170, 208, 236), outline=0.5)
    for left, top, width, height in ((0, .56, 1, .08), (.46, 0, .08, 1.2)):
        canvas.box(x + left * size, y + top * size, width * size,
                   height * size, (250, 250, 250))


def _cupboard(canvas, rng, horizon):
    width = rng.uniform(0.2, 0.35) * canvas.width
    height = rng.uniform(0.2, 0.5) * canvas.height
    x = rng.uniform(-0.1, 0.9) * canvas.width
    wood = shade(rng.choice(FLOORS), rng.uniform(0.7, 1.0))
    canvas.box(x, horizon - height, width, height * 1.05, wood, outline=0.6)
    for row in range(3):
        y = horizon - height + height * (0.05 + 0.32 * row)
        canvas.box(x + 0.06 * width, y, 0.88 * width, 0.26 * height,
                   shade(wood, 1.2), outline=0.5)


def _street(canvas, rng, horizon):
    width = canvas.width
    canvas.gradient((176, 206, 230), (236, 236, 232))
    x = rng.uniform(-0.2, 0) * width
    while x < width:
        house = rng.uniform(0.2, 0.4) * width
        _house(canvas, rng, x, horizon, house)
        x += house * rng.uniform(1.0, 1.25)
    road = rng.choice(FLOORS[1:4])
    _ground(canvas, road, horizon)
    kerb = horizon + 0.04 * canvas.height
    canvas.box(-2, horizon, width + 4, kerb - horizon, shade(road, 1.3))
    for start in np.arange(-0.1, 1, 0.25) * width:
        y = (kerb + canvas.height) / 2
        canvas.box(start, y, 0.13 * width, 0.015 * canvas.height,
                   shade(road, 1.6))
    return road


def _house(canvas, rng, x, ground, width):
    height = rng.uniform(0.35, 0.65) * canvas.height
    wall = shade(rng.choice(PASTELS), rng.uniform(0.78, 0.95))
    canvas.box(x, ground - height, width, height, wall, outline=0.5)
    roof = mix(rng.choice(BRIGHT), (128, 112, 104), 0.6)
    canvas.polygon([(x - 0.05 * width, ground - height),
                    (x + 0.5 * width, ground - height - 0.4 * width),
                    (x + 1.05 * width, ground - height)], roof, outline=0.5)
    glass = (146, 180, 204) if rng.random() < 0.7 else (244, 222, 150)
    for row in np.arange(0.12, 0.7, 0.3):
        for column in (0.14, 0.58):
            canvas.box(x + column * width, ground - height * (1 - row),
                       0.26 * width, 0.18 * height, glass, outline=0.5)


def _abstract(canvas, rng, horizon):
    width, height = canvas.width, canvas.height
    canvas.gradient(rng.choice(PASTELS), shade(rng.choice(PASTELS), 0.85))
    for _ in range(rng.integers(6, 14)):
        middle = rng.uniform(0, 1, 2) * (width, horizon)
        size = rng.uniform(0.04, 0.2, 2) * height
        colour = mix(rng.choice(BRIGHT), (255, 255, 255),
                     rng.uniform(0.25, 0.7))
        shape = rng.integers(0, 3)
        if shape == 0:
            canvas.ellipse(middle, size, colour, rng.uniform(0, np.pi))
        elif shape == 1:
            canvas.polygon(middle + rng.uniform(-1, 1, (3, 2)) * size * 1.4,
                           colour)
        else:
            canvas.line([middle - size * 2, middle + size * (2, -2)], colour,
                        size[0] / 3)
    ground = rng.choice(FLOORS)
    _ground(canvas, ground, horizon)
    return ground


# Things that stand among the people; label 0 hides who is behind them.
def _pole(canvas, rng, foot, size):
    width = rng.uniform(0.025, 0.045) * size
    colour = shade(rng.choice(FLOORS), 0.55)
    top = foot[1] - rng.uniform(1.0, 1.4) * size
    canvas.box(foot[0] - width, top, 2 * width, foot[1] - top, colour,
               label=0, outline=0.6)
    if rng.random() < 0.5:
        canvas.ellipse((foot[0], top), (3 * width, 3 * width),
                       (255, 240, 190), label=0, outline=0.6)
    else:
        board = rng.choice(BRIGHT)
        canvas.box(foot[0] - 4 * width, top, 8 * width, 5 * width, board,
                   label=0, outline=0.6)


def _crate(canvas, rng, foot, size):
    side = rng.uniform(0.16, 0.3) * size
    wood = shade(rng.choice(FLOORS), rng.uniform(0.7, 0.95))
    x, y = foot[0] - side / 2, foot[1] - side
    canvas.box(x, y, side, side, wood, label=0, outline=0.8)
    canvas.box(x + .15 * side, y + .15 * side, .7 * side, .7 * side,
               shade(wood, 1.2), outline=0.6)
    canvas.line([(x + .15 * side, y + .15 * side),
                 (x + .85 * side, y + .85 * side)], shade(wood, 0.7), 1.2)


def _ball(canvas, rng, foot, size):
    radius = rng.uniform(0.06, 0.13) * size
    middle = np.array([foot[0], foot[1] - radius])
    canvas.ellipse(middle, (radius, radius), rng.choice(BRIGHT), label=0,
                   outline=0.8)
    canvas.ellipse(middle, (0.45 * radius, 0.98 * radius), (250, 248, 240),
                   rng.uniform(0, np.pi))
    canvas.ellipse(middle - 0.35 * radius, (0.22 * radius, 0.16 * radius),
                   (255, 255, 255))


def _bush(canvas, rng, foot, size):
    green = shade((92, 150, 88), rng.uniform(0.8, 1.25))
    for step in (-0.14, 0.14, 0):
        radius = rng.uniform(0.1, 0.15) * size
        canvas.ellipse((foot[0] + step * size, foot[1] - 0.7 * radius),
                       (radius, radius), shade(green, 1 - abs(step)), label=0,
                       outline=0.6)


def _cone(canvas, rng, foot, size):
    height = rng.uniform(0.18, 0.28) * size
    x, y = foot
    canvas.polygon([(x - .4 * height, y), (x + .4 * height, y),
                    (x + .1 * height, y - height),
                    (x - .1 * height, y - height)], (238, 120, 50), label=0,
                   outline=0.8)
    canvas.polygon([(x - .27 * height, y - .4 * height),
                    (x + .27 * height, y - .4 * height),
                    (x + .2 * height, y - .62 * height),
                    (x - .2 * height, y - .62 * height)], (250, 246, 238))


THINGS = (_pole, _crate, _ball, _bush, _cone)


def paint_thing(canvas, rng, foot, size):
    """Paint an object that people may stand behind.

    Args:
        canvas (Canvas): Painted on.
        rng (np.random.Generator): Source of all chance.
        foot (Sequence[float]): Where it stands, in pixels.
        size (float): Height of an adult there, in pixels.
    """
    THINGS[rng.integers(0, len(THINGS))](canvas, rng, foot, size)
