"""Where to put a person's label so that it hides as little as possible."""
from typing import Sequence, Tuple

import numpy as np


def place_label(box: np.ndarray, size: Tuple[float, float],
                canvas: Tuple[float, float], taken: Sequence[np.ndarray],
                points: np.ndarray) -> np.ndarray:
    """Choose a place for a label that hides no other label.

    The best is along the edges of the person's box, where it covers the
    fewest keypoints; where other labels leave no room there, the nearest free
    place. Labels overlap only if none is free in the whole image.

    Args:
        box: (4,) x1, y1, x2, y2 of the person, pixels.
        size: Width and height of the label, pixels.
        canvas: Width and height of the image, pixels.
        taken: Boxes (4,) of the labels placed so far.
        points: (m, 2) keypoints that should stay in sight.

    Returns:
        (4,) x1, y1, x2, y2 of the label, inside the image as far as it fits.
    """
    width, height = size
    x1, y1, x2, y2 = box
    taken = np.reshape(taken, (-1, 4))
    # Best first: above the box, inside at its top, below it, inside at its
    # bottom, then one line further away.
    near = _places(
        (x1, x2 - width, (x1 + x2 - width) / 2),
        (y1 - height, y1, y2, y2 - height, y1 - 2 * height, y2 + height), size,
        canvas)
    hidden = _overlaps(near, taken)
    free = near[hidden == 0]
    if len(free):
        return free[np.argmin(_covered(free, points))]
    # Whatever place is free can be moved left and up, until it touches
    # another label or the border: to look at those is to look at all.
    anywhere = _places((0, x1, *taken[:, 2], *(taken[:, 0] - width)),
                       (0, y1, *taken[:, 3], *(taken[:, 1] - height)), size,
                       canvas)
    anywhere = anywhere[_distances(anywhere, box).argsort()]
    for some in np.array_split(anywhere, len(anywhere) // 500 + 1):
        free = some[_overlaps(some, taken) == 0]
        if len(free):
            return free[0]
    return near[np.argmin(hidden)]


def _places(lefts: Sequence[float], tops: Sequence[float],
            size: Tuple[float, float], canvas: Tuple[float,
                                                     float]) -> np.ndarray:
    """Boxes (n, 4) of all these corners, moved into the image; row by row."""
    corners = np.array([(x, y) for y in tops for x in lefts])
    corners = np.clip(corners, 0, np.maximum(np.array(canvas) - size, 0))
    return np.concatenate([corners, corners + size], axis=1)


def _overlaps(places: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Area (n,) that places have in common with other labels."""
    sides = np.minimum(places[:, None, 2:], taken[:, 2:]) - np.maximum(
        places[:, None, :2], taken[:, :2])
    # Touching is no overlap, whatever rounding says.
    return np.where(sides > 1e-6, sides, 0).prod(-1).sum(1)


def _covered(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Number (n,) of points under each place."""
    inside = (points >= places[:, None, :2]) & (points <= places[:, None, 2:])
    return inside.all(-1).sum(1)


def _distances(places: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Pixels (n,) between the centres of places and of the box's top."""
    top = np.array([(box[0] + box[2]) / 2, box[1]])
    return np.linalg.norm((places[:, :2] + places[:, 2:]) / 2 - top, axis=1)
