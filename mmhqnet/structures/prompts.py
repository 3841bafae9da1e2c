"""How a person is pointed out: with a point, a scribble, a box, or words.

Coordinates are x, y in pixels, the same pixels as those of the image that the
prompt goes with.
"""
import re
from dataclasses import dataclass
from typing import List, Sequence, Union

import numpy as np

from mmhqnet.errors import InputError

MAX_SCRIBBLE_POINTS = 10_000


class Positional:
    """A prompt made of points; the base of all but words."""

    @property
    def points(self) -> np.ndarray:
        """Its points, float32 (n, 2)."""
        raise NotImplementedError

    def with_points(self, points: np.ndarray) -> 'Positional':
        """The same prompt elsewhere; points (n, 2)."""
        raise NotImplementedError

    def moved(self, matrix: np.ndarray) -> 'Positional':
        """The prompt in an image whose pixels a matrix (3, 3) moved."""
        points = self.points @ matrix[:, :2].T + matrix[:, 2]
        return self.with_points(points[:, :2] / points[:, 2:])

    def check_inside(self, width: int, height: int) -> None:
        """Refuse a prompt of which nothing lies in the image.

        Raises: InputError: If all points are outside.
        """
        inside = ((self.points >= 0) & (self.points <= (width, height)))
        if not inside.all(1).any():
            raise InputError(f'{self} lies outside of the image, which has '
                             f'{width} x {height} pixels')


def _numbers(values: Sequence, what: str) -> np.ndarray:
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if not np.isfinite(array).all():
        raise InputError(f'{what} must be numbers in pixels, got {values!r}')
    return array


@dataclass(frozen=True)
class Point(Positional):
    """A point on the person.

    Raises: InputError: If x or y is not a finite number.
    """
    x: float
    y: float

    kind = 'point'

    def __post_init__(self) -> None:
        _numbers((self.x, self.y), 'x and y of a point')

    @property
    def points(self) -> np.ndarray:
        """The point, float32 (1, 2)."""
        return np.array([[self.x, self.y]], np.float32)

    def with_points(self, points: np.ndarray) -> 'Point':
        """A point at the only one of ``points``."""
        return Point(*map(float, points[0]))

    def to_dict(self) -> dict:
        """As JSON has it."""
        return dict(kind=self.kind, x=self.x, y=self.y)


class Scribble(Positional):
    """A line over the person, as the points it passes.

    A scribble of one point is a point.

    Args:
        points: n > 0 pairs of x and y.

    Raises:
        InputError: If there is no point, or a value is not a finite number.
    """

    kind = 'scribble'

    def __init__(self, points: Sequence) -> None:
        array = _numbers(points, 'the points of a scribble')
        if array.ndim != 2 or array.shape[1] != 2 or not len(array):
            raise InputError('a scribble is a list of at least one [x, y], '
                             f'got an array of shape {array.shape}')
        if len(array) > MAX_SCRIBBLE_POINTS:
            raise InputError(f'a scribble has at most {MAX_SCRIBBLE_POINTS} '
                             f'points, this one has {len(array)}')
        self._points = array

    @property
    def points(self) -> np.ndarray:
        """The points, float32 (n, 2)."""
        return self._points

    def with_points(self, points: np.ndarray) -> 'Scribble':
        """A scribble through other points."""
        return Scribble(points)

    def to_dict(self) -> dict:
        """As JSON has it."""
        return dict(kind=self.kind, points=self._points.tolist())

    def __eq__(self, other) -> bool:
        return isinstance(other, Scribble) and np.array_equal(
            self.points, other.points)

    def __repr__(self) -> str:
        return f'Scribble({self._points.tolist()})'


@dataclass(frozen=True)
class Box(Positional):
    """A box around the person, from x1, y1 to x2, y2.

    Raises: InputError: If it is empty, or a value is not a finite number.
    """
    x1: float
    y1: float
    x2: float
    y2: float

    kind = 'box'

    def __post_init__(self) -> None:
        corners = (self.x1, self.y1, self.x2, self.y2)
        _numbers(corners, 'the corners of a box')
        if self.x1 >= self.x2 or self.y1 >= self.y2:
            raise InputError(f'a box goes from x1, y1 to larger x2, y2, got '
                             f'{corners}')

    @property
    def points(self) -> np.ndarray:
        """Its corners, float32 (2, 2)."""
        return np.array([[self.x1, self.y1], [self.x2, self.y2]], np.float32)

    def with_points(self, points: np.ndarray) -> 'Box':
        """A box between two corners in any order."""
        corners = [*points.min(0), *points.max(0)]
        return Box(*map(float, corners))

    def check_inside(self, width: int, height: int) -> None:
        """Refuse a box that does not touch the image."""
        if not (self.x1 < width and self.y1 < height and self.x2 > 0
                and self.y2 > 0):
            raise InputError(f'{self} lies outside of the image, which has '
                             f'{width} x {height} pixels')

    def to_dict(self) -> dict:
        """As JSON has it."""
        return dict(
            kind=self.kind, x1=self.x1, y1=self.y1, x2=self.x2, y2=self.y2)


@dataclass(frozen=True)
class Text:
    """A description of the person.

    Raises: InputError: If it is empty or not a text.
    """
    caption: str

    kind = 'text'

    def __post_init__(self) -> None:
        if not isinstance(self.caption, str) or not self.caption.strip():
            raise InputError('a caption must be a text that is not empty, '
                             f'got {self.caption!r}')

    def moved(self, matrix: np.ndarray) -> 'Text':
        """What would be said of an image whose pixels a matrix moved."""
        return Text(swap_sides(self.caption)) if matrix[0, 0] < 0 else self

    def check_inside(self, width: int, height: int) -> None:
        """Words are nowhere."""

    def to_dict(self) -> dict:
        """As JSON has it."""
        return dict(kind=self.kind, caption=self.caption)


Prompt = Union[Point, Scribble, Box, Text]


def prompt_from_option(kind: str, value: Union[str, Sequence[str]]) -> Prompt:
    """Read a prompt as command lines have it.

    Args:
        kind: ``point``, ``scribble``, ``box`` or ``text``.
        value: ``'x,y'``; several of them; ``'x1,y1,x2,y2'``; a caption.

    Raises: InputError: If it is not of that form.
    """
    if kind == 'text':
        return Text(value)
    if kind == 'scribble':
        return Scribble([_coordinates(pair, 'x,y', 2) for pair in value])
    if kind == 'box':
        return Box(*_coordinates(value, 'x1,y1,x2,y2', 4))
    return Point(*_coordinates(value, 'x,y', 2))


def _coordinates(text: str, form: str, number: int) -> List[float]:
    try:
        values = [float(value) for value in text.split(',')]
    except ValueError:
        values = []
    if len(values) != number:
        raise InputError(f'{form} must be numbers in pixels without spaces, '
                         f'got {text!r}')
    return values


# left, leftmost, left-hand, lefty, leftward(s): but not "leftover" or
# "bright"; "right" as in "all right" cannot be told from a side.
_SIDE = re.compile(r'\b(left|right)(?=most\b|hand\b|ward|y\b|ie\b|ies\b|s?\b)',
                   re.IGNORECASE)


def swap_sides(caption: str) -> str:
    """Exchange left and right in a caption, in whole words, keeping case.

    ``'the Leftmost man'`` becomes ``'the Rightmost man'``.
    """

    def swap(match: 're.Match') -> str:
        word = match[0]
        other = 'right' if word.lower() == 'left' else 'left'
        if word.isupper():
            return other.upper()
        return other.capitalize() if word[0].isupper() else other

    return _SIDE.sub(swap, caption)


def prompt_from_dict(values: dict) -> Prompt:
    """Read a prompt as JSON has it; the inverse of ``to_dict``.

    Raises: InputError: If ``kind`` or the prompt's own fields are wrong.
    """
    kinds = {cls.kind: cls for cls in (Point, Scribble, Box, Text)}
    fields = dict(values) if isinstance(values, dict) else {}
    cls = kinds.get(fields.pop('kind', None))
    if cls is None:
        raise InputError(f'a prompt needs `kind`, one of {", ".join(kinds)}; '
                         f'got {values!r}')
    try:
        return cls(**fields)
    except TypeError as error:
        raise InputError(f'prompt {values!r} does not have the fields of a '
                         f'{cls.__name__} ({error})') from error
