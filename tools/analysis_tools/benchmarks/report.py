"""What a row found: its checks, as a table and as JSON."""
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from mmhqnet.errors import InputError

from .measure import Timing


@dataclass
class Check:
    """One ratio of a row.

    Attributes:
        what (str): Which side is divided by which, and at what size.
        ratio (float): The ratio.
        limit (str): What arithmetic, memory or the peer allows at best.
        at_most (float, optional): Target from above.
        at_least (float, optional): Target from below; with neither target
            the ratio is for information.
        sides (tuple): What was divided by what.
        unit (str): Unit of the sides.
        cpu_ratio (float, optional): The ratio of the CPU times. Where it
            differs, something else kept the machine busy.
    """
    what: str
    ratio: float
    limit: str
    at_most: Optional[float] = None
    at_least: Optional[float] = None
    sides: tuple = ()
    unit: str = 's'
    cpu_ratio: Optional[float] = None

    @classmethod
    def of_times(cls, what: str, over: Timing, under: Timing,
                 **kwargs) -> 'Check':
        """The ratio of two times.

        Args:
            what (str): See the class.
            over (Timing): The one that is divided.
            under (Timing): The one that it is divided by.
            **kwargs: ``limit`` and a target.

        Returns:
            Check: The ratio.
        """
        return cls(
            what,
            over.wall / under.wall,
            sides=(over.wall, under.wall),
            cpu_ratio=over.cpu / under.cpu if under.cpu else None,
            **kwargs)

    @property
    def target(self) -> Optional[str]:
        """str, optional: The target in words, such as '<= 1.25'."""
        if self.at_most is not None:
            return f'<= {self.at_most:g}'
        if self.at_least is not None:
            return f'>= {self.at_least:g}'
        return None

    @property
    def margin(self) -> float:
        """float: 1 is just met, more is better, infinity is no target."""
        if self.at_most is not None:
            return self.at_most / self.ratio if self.ratio else float('inf')
        if self.at_least is not None:
            return self.ratio / self.at_least
        return float('inf')

    @property
    def ok(self) -> Optional[bool]:
        """bool, optional: Whether the target is met."""
        return None if self.target is None else self.margin >= 1

    def to_dict(self) -> Dict[str, Any]:
        """All of it, for JSON."""
        fields = asdict(self)
        for name in ('at_most', 'at_least'):
            del fields[name]
        if math.isinf(self.ratio):
            fields['ratio'] = None  # JSON has no infinity
        return dict(fields, target=self.target, ok=self.ok)


class Row(NamedTuple):
    """What was found for one row.

    Attributes:
        checks (list[Check]): Its ratios.
        curves (dict): Seconds by name and number of persons, for the plot.
        notes (tuple[str]): What else a reader should know.
    """
    checks: List[Check]
    curves: Dict[str, Dict[int, float]] = {}
    notes: tuple = ()

    def to_dict(self) -> Dict[str, Any]:
        """For JSON: the check that is nearest to failing stands for the row.

        Returns:
            dict: ``what``, ``ratio``, ``target``, ``limit``, ``ok``,
            ``checks``, ``curves`` and ``notes``.
        """
        worst = min(self.checks, key=lambda check: check.margin)
        result = {
            key: value
            for key, value in worst.to_dict().items()
            if key in ('what', 'ratio', 'target', 'limit', 'ok')
        }
        result['ok'] = all(check.ok is not False for check in self.checks)
        return dict(
            result,
            checks=[check.to_dict() for check in self.checks],
            curves=self.curves,
            notes=list(self.notes))


HEADER = ('row', 'what', 'ratio', 'target', 'ok', 'limit', 'measured')


def table(rows: Dict[str, Row]) -> str:
    """Draw the checks of all rows, in Markdown.

    Args:
        rows (dict[str, Row]): Rows by name.

    Returns:
        str: The table, and the notes below it.
    """
    lines = [HEADER]
    for name, row in rows.items():
        for check in row.checks:
            lines.append((name, check.what, _number(check.ratio), check.target
                          or '', {
                              True: 'yes',
                              False: 'NO',
                              None: ''
                          }[check.ok], check.limit, _sides(check)))
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ['-' * width for width in widths])
    text = [
        '| ' +
        ' | '.join(cell.ljust(width)
                   for cell, width in zip(line, widths)) + ' |'
        for line in lines
    ]
    for name, row in rows.items():
        text += [f'\n{name}: {note}' for note in row.notes]
    return '\n'.join(text)


def _sides(check: Check) -> str:
    values = ' / '.join(map(_number, check.sides))
    return f'{values} {check.unit}'.strip() if values else ''


def _number(value: float) -> str:
    if isinstance(value, int):
        return f'{value:,}'
    if math.isinf(value):
        return 'never'
    return f'{value:.3g}' if abs(value) < 10 else f'{value:,.1f}'


def describe(machine: Dict[str, Any]) -> str:
    """A line on what was measured on.

    Args:
        machine (dict): See :func:`measure.machine`.

    Returns:
        str: Names and values.
    """
    return ', '.join(f'{key} {value}' for key, value in machine.items()
                     if value is not None)


def split_page(path: str, device: str) -> Tuple[str, str]:
    """What stands before and after the results in a Markdown page.

    Args:
        path (str): The page.
        device (str): 'cpu' or 'cuda', whose results they are.

    Returns:
        tuple[str, str]: Up to and with the mark of the beginning, and from
        the mark of the end on.

    Raises:
        InputError: The page can not be read or has no such marks.
    """
    begin, end = f'<!-- benchmark {device} -->', '<!-- end -->'
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise InputError(f'cannot read {path}: {error.strerror}') from error
    before, found, rest = text.partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise InputError(f'{path}: there is no {begin} with {end} after it; '
                         'mark where the results belong')
    return before + begin, end + after


def insert(report: str, device: str, path: str) -> None:
    """Put results into a Markdown page, in the place of earlier ones.

    Args:
        report (str): The results.
        device (str): 'cpu' or 'cuda'.
        path (str): The page.
    """
    before, after = split_page(path, device)
    Path(path).write_text(f'{before}\n{report}\n{after}')
