"""A canvas that remembers what was painted where."""
import cv2
import numpy as np

SHIFT = 4  # fractional bits of the coordinates handed to OpenCV
_CIRCLE = np.linspace(0, 2 * np.pi, 28, endpoint=False)
UNIT_CIRCLE = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)


def shade(colour, factor):
    """Darken (``factor`` < 1) or lighten (> 1, towards white) a colour.

    Args:
        colour (Sequence[float]): RGB, 0..255.
        factor (float): 0 is black, 1 the colour itself, 2 white.

    Returns: RGB, 0..255, shape (3, ).
    """
    colour = np.asarray(colour, dtype=float)
    if factor <= 1:
        return colour * factor
    return colour + (255 - colour) * (factor - 1)


def mix(first, second, weight):
    """Blend two colours: ``weight`` 0 is the first, 1 the second."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    return first * (1 - weight) + second * weight


def ellipse_points(centre, radii, angle=0.0):
    """Outline of an ellipse.

    Args:
        centre (Sequence[float]): x, y in pixels.
        radii (Sequence[float]): Half axes in pixels.
        angle (float): Rotation in radians.

    Returns: Points of shape (28, 2).
    """
    cos, sin = np.cos(angle), np.sin(angle)
    points = UNIT_CIRCLE * np.asarray(radii)
    return points @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(centre)


def hull(circles):
    """Convex outline around circles.

    Args:
        circles (Sequence[tuple]): (centre xy, radius) in pixels.

    Returns: Points of shape (n, 2).
    """
    points = np.concatenate(
        [np.asarray(centre) + UNIT_CIRCLE * radius
         for centre, radius in circles])
    return cv2.convexHull(points.astype(np.float32))[:, 0].astype(float)


class Canvas:
    """Picture and label map, painted together, both supersampled.

    Coordinates are continuous pixels of the final picture: the pixel in row
    i and column j covers [j, j + 1) x [i, i + 1).

    Args:
        height (int): Height of the final picture in pixels.
        width (int): Width of the final picture in pixels.
        factor (int): Supersampling. Defaults to 2.
    """

    def __init__(self, height, width, factor=2):
        self.height, self.width, self.factor = height, width, factor
        self.pixels = np.zeros((height * factor, width * factor, 3), np.uint8)
        self.labels = np.zeros((height * factor, width * factor), np.uint16)

    def _fixed_point(self, points):
        points = np.asarray(points) * self.factor - 0.5
        return np.rint(points * (1 << SHIFT)).astype(np.int32)

    def _thickness(self, width):
        return max(1, int(round(width * self.factor)))

    def polygon(self, points, colour, label=None, outline=0.0):
        """Fill a polygon.

        Args:
            points (np.ndarray): Corners of shape (n, 2).
            colour (Sequence[float]): RGB, 0..255.
            label (int, optional): Written where the polygon is; 0 erases.
                None leaves the labels: a detail on top of a surface.
            outline (float): Width in pixels of a darker outline; 0 is none.
        """
        points = [self._fixed_point(points)]
        colour = tuple(float(c) for c in colour)
        cv2.fillPoly(self.pixels, points, colour, cv2.LINE_AA, SHIFT)
        if outline:
            cv2.polylines(self.pixels, points, True,
                          tuple(0.55 * c for c in colour),
                          self._thickness(outline), cv2.LINE_AA, SHIFT)
        if label is not None:
            cv2.fillPoly(self.labels, points, int(label), cv2.LINE_8, SHIFT)

    def ellipse(self, centre, radii, colour, angle=0.0, **kwargs):
        """Fill an ellipse; see :meth:`polygon`."""
        self.polygon(ellipse_points(centre, radii, angle), colour, **kwargs)

    def limb(self, start, end, start_radius, end_radius, colour, **kwargs):
        """Fill a tapered limb with round ends; see :meth:`polygon`."""
        self.polygon(
            hull([(start, start_radius), (end, end_radius)]), colour, **kwargs)

    def box(self, x, y, width, height, colour, **kwargs):
        """Fill an upright rectangle; see :meth:`polygon`."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height),
                      (x, y + height)], colour, **kwargs)

    def line(self, points, colour, width=1.0, label=None):
        """Draw an open line of ``width`` pixels; see :meth:`polygon`."""
        points = [self._fixed_point(points)]
        thickness = self._thickness(width)
        cv2.polylines(self.pixels, points, False,
                      tuple(float(c) for c in colour), thickness, cv2.LINE_AA,
                      SHIFT)
        if label is not None:
            cv2.polylines(self.labels, points, False, int(label), thickness,
                          cv2.LINE_8, SHIFT)

    def gradient(self, top, bottom):
        """Fill the whole picture with a vertical gradient."""
        weight = np.linspace(0, 1, len(self.pixels))[:, None]
        rows = mix(top, bottom, weight)
        self.pixels[:] = rows[:, None].astype(np.uint8)

    def label_at(self, x, y):
        """Label under a point, or None outside the picture."""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return None
        return int(self.labels[int(y * self.factor), int(x * self.factor)])

    def picture(self):
        """Final picture: uint8 RGB of shape (height, width, 3)."""
        return cv2.resize(self.pixels, (self.width, self.height),
                          interpolation=cv2.INTER_AREA)

    def label_map(self):
        """Final labels: uint16 of shape (height, width)."""
        middle = self.factor // 2
        return self.labels[middle::self.factor, middle::self.factor]
