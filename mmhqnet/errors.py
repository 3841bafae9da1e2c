"""Errors that are meant for people: one line, then a non-zero exit."""
import difflib
import functools
import os
import re
import sys
from pathlib import Path
from typing import Union

# What MMEngine puts before an error in the constructor of a registered class.
_BUILD_PREFIX = re.compile(r'^(class `\w+` in \S+\.py: )+')


class InputError(ValueError):
    """Something the user gave us is wrong: a file, an annotation, a config.

    The message is one line that says what is wrong, where (file, id, config
    key) and what to do. Command-line tools print it without a traceback.
    """


def missing_file(what: str, path: Union[str, Path]) -> InputError:
    """The error for a file that is not there; suggests one that is."""
    folder, name = os.path.split(path)
    close = []
    if os.path.isdir(folder or '.'):
        close = difflib.get_close_matches(name, os.listdir(folder or '.'), 1)
    hint = f'; did you mean {os.path.join(folder, close[0])}?' if close else ''
    return InputError(f'{what} {path} does not exist{hint}')


def in_one_line(error: BaseException) -> str:
    """Another library's error as ``type: first line of the message``."""
    lines = str(error).strip().splitlines() or ['']
    return f'{type(error).__name__}: {lines[0]}'


def _innermost_line(error: InputError) -> str:
    """The message itself, also when a worker or a registry wrapped it.

    PyTorch re-raises a worker's exception with the whole traceback as the
    message; the last line of that text is ``module.InputError: message``.
    """
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines:
        return 'invalid input'
    message = lines[-1].split(f'{InputError.__name__}: ', 1)[-1].strip()
    return _BUILD_PREFIX.sub('', message)


def one_line_errors(main):
    """Let an :class:`InputError` end a tool's ``main`` in one line.

    It prints ``error: <message>`` to stderr and exits with status 2.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except InputError as error:
            print(f'error: {_innermost_line(error)}', file=sys.stderr)
            sys.exit(2)

    return wrapper
