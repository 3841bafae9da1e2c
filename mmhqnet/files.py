"""JSON and config files; files and folders that are whole or not there."""
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Optional, Union

from mmengine.config import Config

from mmhqnet.errors import InputError, in_one_line, missing_file


def read_json(path: Union[str, Path], name: Optional[str] = None) -> Any:
    """Read a JSON file.

    Args:
        path: The file on this machine.
        name: What messages call it, if it was fetched from elsewhere.

    Raises: InputError: The file is missing, unreadable or not JSON.
    """
    name = name or path
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise InputError(f'cannot read {name}: {error.strerror}; check the '
                         'path (in a config: data_root and ann_file)'
                         ) from error
    except ValueError as error:
        raise InputError(f'{name} is not JSON ({error}); download or convert '
                         'it again') from error


def read_config(path: Union[str, Path]) -> Config:
    """Read a config file.

    Raises: InputError: It is missing or broken.
    """
    if not os.path.isfile(path):
        raise missing_file('config', path)
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program, anything can happen
        reason = in_one_line(error)
        if 'mmhqnet/.mim' in reason:
            reason += ('; with an editable install, set PYTHONPATH to the '
                       'checkout')
        raise InputError(f'config {path} cannot be read: {reason}') from error


@contextmanager
def replacing(path: Union[str, Path]) -> Iterator[Path]:
    """A file to write, which takes the place of ``path`` when it is whole.

    If writing it fails, nothing is left of it and ``path`` is as before. The
    folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: Union[str, Path], content: Any) -> None:
    """Write a JSON file that is either whole or not there."""
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(content))


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears, and replaces an older one, when done.

    Yields: An empty folder beside ``path``; it goes when filling fails.
    """
    partial = path.with_name(f'.{path.name}.partial')
    outdated = path.with_name(f'.{path.name}.outdated')
    for leftover in (partial, outdated):  # of a run that was killed
        if leftover.exists():
            shutil.rmtree(leftover)
    try:
        partial.mkdir(parents=True)
        yield partial
        if path.exists():
            os.replace(path, outdated)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(outdated, ignore_errors=True)
