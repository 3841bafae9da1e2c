"""What the training and the test tool share: from arguments to a runner."""
import os.path as osp
import re
import shutil
from argparse import Namespace
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator
from urllib.error import URLError

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmhqnet.errors import InputError


def load_config(args: Namespace) -> Config:
    """Read the config that a tool is called with.

    Args:
        args (argparse.Namespace): ``config``, ``cfg_options``, ``launcher``
            and ``work_dir`` of the command line.

    Returns:
        Config: The config with the options of the command line. Its
        ``work_dir`` comes from the command line, else from the config, else
        from the name of the config file.

    Raises:
        InputError: If the config is missing, broken or does not take an
            option.
    """
    if not osp.isfile(args.config):
        raise InputError(f'config {args.config} does not exist')
    try:
        cfg = Config.fromfile(args.config)
    except Exception as error:  # a config is a program, anything can happen
        reason = _one_line(error)
        if 'mmhqnet/.mim' in reason:
            reason += ('; with an editable install, set PYTHONPATH to the '
                       'checkout')
        raise InputError(
            f'config {args.config} cannot be read: {reason}') from error
    try:
        cfg.merge_from_dict(args.cfg_options or {})
    except (KeyError, TypeError, AssertionError) as error:
        raise InputError('--cfg-options do not fit the config: '
                         f'{_one_line(error)}') from error
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', Path(args.config).stem)
    return cfg


def build_runner(cfg: Config) -> Runner:
    """Build the runner, mmengine's own or the one that the config names.

    Args:
        cfg (Config): The whole config.

    Returns:
        Runner: Ready to train or to test.

    Raises:
        InputError: If the config gives a class arguments that it does not
            take.
    """
    try:
        if 'runner_type' in cfg:
            return RUNNERS.build(cfg)
        return Runner.from_cfg(cfg)
    except TypeError as error:
        if 'argument' not in str(error):
            raise
        raise InputError(f'config: {_one_line(error)}') from error


@contextmanager
def blame_input() -> Iterator[None]:
    """Turn other libraries' errors about the user's input into ours.

    Raises:
        InputError: If the config names a class that does not exist, or a
            file that does not exist or cannot be downloaded.
    """
    try:
        yield
    except FileNotFoundError as error:
        # a data loader's worker puts the original message last
        reason = str(error).strip().splitlines()[-1]
        raise InputError(reason.removeprefix('FileNotFoundError: ')) from error
    except URLError as error:
        raise InputError(
            f'a download failed ({_one_line(error)}): check the network, or '
            'set the init_cfg or load_from that asks for it to a local file '
            'or to None') from error
    except (KeyError, RuntimeError) as error:
        unknown = re.search(
            r"[^\s']+ is not in the \S+ registry|Failed to get [^\s']+",
            str(error))
        if not unknown:
            raise
        raise InputError(
            f'config: {unknown.group()}; check the spelling of the type, or '
            'import its module in custom_imports') from error


@contextmanager
def nothing_half_written(work_dir: str) -> Iterator[None]:
    """Leave no logs behind when bad input ends a run before it has a result.

    As soon as there is a new checkpoint everything is kept.

    Args:
        work_dir (str): Where the run writes.
    """
    work_dir = Path(work_dir)
    before = set(work_dir.iterdir()) if work_dir.is_dir() else set()
    missing = [
        path for path in (work_dir, *work_dir.parents) if not path.exists()
    ]
    try:
        yield
    except InputError:
        if is_main_process() and work_dir.is_dir():
            new = set(work_dir.iterdir()) - before
            if not any(path.suffix == '.pth' for path in new):
                for path in new:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                for path in missing:
                    with suppress(OSError):  # somebody else uses it by now
                        path.rmdir()
        raise


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ['']
    return f'{type(error).__name__}: {lines[0]}'
