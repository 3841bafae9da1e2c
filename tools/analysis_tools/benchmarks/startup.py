"""B9: how long it takes until something happens."""
import subprocess
import sys
from pathlib import Path
from typing import Callable, List

from .measure import Options, interleave
from .report import Check, Row

TOOLS = Path(__file__).parents[2]


def row_b9(options: Options) -> Row:
    """Import times, and ``--help`` of every tool.

    Args:
        options (Options): How to measure.

    Returns:
        Row: Against ``import mmdet``, and the slowest tool.
    """
    times = interleave(
        {
            name: process('-c', f'import {name}')
            for name in ('mmhqnet', 'mmdet')
        }, options)
    tools = options.pick(find_tools, lambda: find_tools()[:1])()
    helps = interleave(
        {
            str(tool.relative_to(TOOLS)): process(str(tool), '--help')
            for tool in tools
        }, options)
    slowest = max(helps, key=lambda name: helps[name].wall)
    seconds = sorted(((timing.wall, name) for name, timing in helps.items()),
                     reverse=True)
    return Row([
        Check.of_times(
            'import mmhqnet / import mmdet',
            times['mmhqnet'],
            times['mmdet'],
            limit='1, since mmhqnet imports mmdet',
            at_most=1.1),
        Check(
            f'--help of the slowest of {len(tools)} tools, {slowest}',
            helps[slowest].wall,
            limit='start of Python',
            at_most=1.,
            sides=(helps[slowest].wall, ))
    ],
               notes=(', '.join(f'{name} {wall:.2f} s'
                                for wall, name in seconds), ))


def find_tools() -> List[Path]:
    """Everything in ``tools/`` that is meant to be run.

    Returns:
        list[Path]: Python files.
    """
    return sorted(
        path for path in TOOLS.rglob('*.py')
        if "\nif __name__ == '__main__'" in path.read_text())


def process(*arguments: str) -> Callable[[], None]:
    """A function that runs Python until it ends.

    Args:
        *arguments (str): Arguments of Python.

    Returns:
        Callable: Without arguments.
    """

    def run():
        subprocess.run([sys.executable, *arguments],
                       check=True,
                       capture_output=True)

    return run
