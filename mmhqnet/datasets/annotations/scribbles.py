"""Scribbles inside of masks, as RefHuman makes them (docs/uniphd.md)."""
from typing import Optional

import cv2
import numpy as np

NUM_POINTS = 12
NUM_SCRIBBLES = 5
"""int: Points of a scribble, and scribbles of a person, in RefHuman."""

# Weights of the four control points of a cubic Bézier curve, (12, 4).
_T = np.linspace(0, 1, NUM_POINTS)[:, None]
_BERNSTEIN = np.hstack([(1 - _T)**3, 3 * _T * (1 - _T)**2,
                        3 * _T**2 * (1 - _T), _T**3])


def draw_scribble(mask: np.ndarray,
                  rng: np.random.Generator,
                  attempts: int = 10) -> Optional[np.ndarray]:
    """Draw a cubic Bézier curve through a mask.

    Its four control points are pixels of the mask. If the curve leaves the
    mask in all attempts, it is shrunk towards one of its pixels.

    Args:
        mask: (h, w), bool or 0 and 1.
        attempts: Curves to try before one is shrunk.

    Returns: Pixels x, y of the mask, int (12, 2); None if it is empty.
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    pixels = np.stack([columns, rows], -1)
    for _ in range(attempts):
        controls = rng.choice(pixels, 4)
        curve = np.rint(_BERNSTEIN @ controls).astype(int)
        if mask[curve[:, 1], curve[:, 0]].all():
            return curve
    middle, spread = controls[0], controls - controls[0]
    while not mask[curve[:, 1], curve[:, 0]].all():
        spread = (spread / 2).astype(int)  # in the end all are the middle
        curve = np.rint(_BERNSTEIN @ (middle + spread)).astype(int)
    return curve


def redraw_scribble(mask: np.ndarray,
                    rng: np.random.Generator) -> Optional[np.ndarray]:
    """A scribble away from the mask's edge, where it is wide enough.

    The mask is uint8, 0 and 1, (h, w); see :func:`draw_scribble`.
    """
    eroded = cv2.erode(mask, np.ones((5, 5), np.uint8))
    return draw_scribble(eroded if eroded.any() else mask, rng)
