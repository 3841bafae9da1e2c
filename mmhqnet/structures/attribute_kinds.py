"""Person fields without a place: categories and numbers."""
from dataclasses import dataclass
from typing import Any, ClassVar, Optional, Sequence, Tuple

import numpy as np

from mmhqnet.errors import InputError

from .field_kinds import Columns, PersonField
from .label_rules import is_number


@dataclass(frozen=True)
class CategoryField(PersonField):
    """One of some classes: int64 (n,), -1 unknown.

    Predicted are the class and in ``score_column`` a probability. A file
    holds the number or the name of the class.

    Args:
        classes: Their names.
        short: Their names on pictures.
        text: Around them on pictures.
        named: Whether results hold names instead of numbers.
    """
    classes: Tuple[str, ...] = ()
    short: Tuple[str, ...] = ()
    text: str = '{}'
    named: bool = True
    score_column: str = ''
    kind: ClassVar[str] = 'category'

    def __post_init__(self) -> None:
        super().__post_init__()
        self._default('short', tuple(self.classes))
        self._default('score_column', f'{self.column}_scores')
        if len(self.classes) < 2 or len(self.short) != len(self.classes):
            raise InputError(f'person_fields.{self.name}: must have two or '
                             'more classes, and a short name for each or none')

    def is_given(self, annotation: dict) -> bool:
        return super().is_given(annotation) and annotation[self.key] != -1

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        numbers = range(len(self.classes))
        if not (value in self.classes if isinstance(value, str) else
                is_number(value) and value in numbers):
            return 'must be ' + ' or '.join(
                f'{number} ({self.classes[number]})' for number in numbers)

    def number(self, value) -> int:
        """A class's number, given that or its name."""
        return self.classes.index(value) if isinstance(value,
                                                       str) else int(value)

    def read(self, annotation: dict) -> int:
        return self.number(
            annotation[self.key]) if self.is_labelled(annotation) else -1

    def judge(self, annotation: dict) -> Optional[float]:
        if self.is_labelled(annotation):
            return float(self.number(annotation[self.key]))

    def load(self, labels: Sequence) -> Columns:
        labels = [-1 if label is None else label for label in labels]
        return {self.column: np.array(labels, np.int64)}

    def is_right(self, predicted: np.ndarray, label: np.ndarray,
                 error: float) -> np.ndarray:
        """Elementwise: the same class."""
        return np.abs(predicted - label) < .5

    def printed(self, value) -> Any:
        number = int(value)
        known = self.named and 0 <= number < len(self.classes)
        return self.classes[number] if known else number

    def words(self, value) -> str:
        known = 0 <= value < len(self.short)
        return self.text.format(self.short[int(value)]) if known else '?'


@dataclass(frozen=True)
class NumberField(PersonField):
    """A number: float32 (n,), NaN unknown; or whole: int64 (n,), -1 unknown.

    Args:
        error: A prediction is right if it is off by less.
        low: Least label that a file may have, if there is one.
        high: Greatest.
        top: Greater labels count as this one.
        whole: Whether labels are whole numbers from 0 on.
        digits: Behind the point on pictures.
        text: Around it on pictures; ``'<name> {}'`` if not given.
    """
    error: float = 10
    low: Optional[float] = None
    high: Optional[float] = None
    top: Optional[float] = None
    whole: bool = False
    digits: int = 0
    text: str = ''
    kind: ClassVar[str] = 'number'

    def __post_init__(self) -> None:
        super().__post_init__()
        self._default('text', f'{self.name} {{}}')
        if not (is_number(self.error) and self.error > 0):
            raise InputError(f'person_fields.{self.name}: error must be a '
                             f'number above 0, got {self.error!r}')

    @property
    def unknown(self) -> float:
        """What stands for a missing label."""
        return -1 if self.whole else np.nan

    def is_given(self, annotation: dict) -> bool:
        value = annotation.get(self.key)
        # NaN, which is not itself, stands where the data set found no label.
        return (super().is_given(annotation) and value == value
                and value != self.unknown)

    def rule(self, value, image=None, strict=False) -> Optional[str]:
        low, high = ((-np.inf, np.inf)[side] if limit is None else limit
                     for side, limit in enumerate((self.low, self.high)))
        if not (is_number(value) and low <= value <= high):
            return 'must be a number' + (
                '' if self.low is None else f' from {self.low:g}') + (
                    '' if self.high is None else f' to {self.high:g}')

    def result_rule(self, value) -> Optional[str]:
        return None if is_number(value) else 'must be a number'

    def number(self, value) -> float:
        """A label as a number."""
        return value

    def judge(self, annotation: dict) -> Optional[float]:
        if self.is_labelled(annotation):
            return float(annotation[self.key])

    def read(self, annotation: dict) -> float:
        if not self.is_labelled(annotation):
            return self.unknown
        value = annotation[self.key]
        if self.top is not None:
            value = min(value, self.top)
        return int(round(value)) if self.whole else float(value)

    def load(self, labels: Sequence) -> Columns:
        labels = [self.unknown if label is None else label for label in labels]
        dtype = np.int64 if self.whole else np.float32
        return {self.column: np.array(labels, dtype)}

    def is_right(self, predicted: np.ndarray, label: np.ndarray,
                 error: float) -> np.ndarray:
        """Elementwise: off by less than ``error``."""
        return np.abs(predicted - label) < error

    def words(self, value) -> str:
        if not np.isfinite(value) or self.whole and value < 0:
            return '?'
        unit = 10**self.digits
        rounded = np.floor(value * unit + .5) / unit  # a half goes up
        return self.text.format(f'{rounded:.{self.digits}f}')
