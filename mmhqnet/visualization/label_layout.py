"""Where to put a person's label so that it hides as little as possible."""
from typing import Sequence, Tuple

import numpy as np

# Covering a tenth of another label is as bad as covering one keypoint.
LABEL_OVERLAP_WEIGHT = 10.0


def place_label(box: np.ndarray, size: Tuple[float, float],
                canvas: Tuple[float, float], taken: Sequence[np.ndarray],
                points: np.ndarray) -> np.ndarray:
    """Choose the best of a few places along the edges of a person's box.

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
    # Best first: above the box, inside at its top, below it, inside at its
    # bottom, then one line further away.
    rows = (y1 - height, y1, y2, y2 - height, y1 - 2 * height, y2 + height)
    columns = (x1, x2 - width, (x1 + x2 - width) / 2)
    corners = np.array([(x, y) for y in rows for x in columns])
    room = np.maximum(np.array(canvas) - size, 0)
    corners = np.clip(corners, 0, room)
    places = np.concatenate([corners, corners + size], axis=1)
    costs = [_cost(place, taken, points) for place in places]
    return places[int(np.argmin(costs))]


def _cost(place: np.ndarray, taken: Sequence[np.ndarray],
          points: np.ndarray) -> float:
    inside = ((points >= place[:2]) & (points <= place[2:])).all(axis=1)
    area = np.prod(place[2:] - place[:2])
    overlap = 0.0
    for other in taken:
        sides = np.minimum(place[2:], other[2:]) - np.maximum(
            place[:2], other[:2])
        overlap += np.prod(np.maximum(sides, 0))
    return LABEL_OVERLAP_WEIGHT * overlap / max(area, 1e-6) + inside.sum()
