"""What the training and the test tool share: from arguments to a runner."""
import os
import os.path as osp
import re
import shutil
from argparse import Namespace
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional
from urllib.error import URLError

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmhqnet.checkpoints import fetch, is_address, read_checkpoint
from mmhqnet.errors import InputError, in_one_line
from mmhqnet.files import read_config


def load_config(args: Namespace) -> Config:
    """Read the config that a tool is called with.

    Returns:
        With the options of the command line: ``cfg_options``, ``launcher``,
        and ``work_dir``, else that of the config, else one that is named
        after the config file.

    Raises:
        InputError: If the config is missing, broken or does not take an
            option, or the launcher needs GPUs and there are none.
    """
    cfg = read_config(args.config)
    try:
        cfg.merge_from_dict(args.cfg_options or {})
    except (KeyError, TypeError, AssertionError) as error:
        raise InputError('--cfg-options do not fit the config: '
                         f'{in_one_line(error)}') from error
    cfg.launcher = args.launcher
    if args.launcher != 'none' and get_device() == 'cpu':
        _check_launcher_of_cpus(args.launcher)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', Path(args.config).stem)
    return cfg


def _check_launcher_of_cpus(launcher: str) -> None:
    if launcher != 'pytorch':
        raise InputError(
            f'--launcher {launcher} is for several GPUs, but PyTorch sees '
            'none here; use --launcher pytorch, or leave it out')
    if 'RANK' not in os.environ:
        raise InputError(
            '--launcher pytorch: nothing has launched processes; run python '
            '-m torch.distributed.run --standalone --nproc_per_node=2 and then'
            ' this command')


def checked_start(cfg: Config) -> Optional[dict]:
    """Read what ``load_from`` names, before the runner does it with less care.

    An address becomes the path of a local copy in the config. Without
    ``load_from`` there is None.

    Raises: InputError: If it is missing, damaged, unsafe or not a checkpoint.
    """
    path = cfg.get('load_from')
    if not path:
        return None
    checkpoint = read_checkpoint(path)
    if is_address(path):
        cfg.load_from = fetch(path)
    return checkpoint


def build_runner(cfg: Config) -> Runner:
    """Build the runner, mmengine's own or the one that the config names.

    Raises:
        InputError: If the config gives a class arguments that it does not
            take.
    """
    if cfg.launcher == 'pytorch' and get_device() == 'cpu':
        _join_cpus(cfg)
    try:
        if 'runner_type' in cfg:
            return RUNNERS.build(cfg)
        return Runner.from_cfg(cfg)
    except TypeError as error:
        if 'argument' not in str(error):
            raise
        raise InputError(f'config: {in_one_line(error)}') from error


def _join_cpus(cfg: Config) -> None:
    """Train with the processes of a CPU as with several GPUs.

    NOTE mmengine's launcher sets a CUDA device, but takes a process group
    that exists as it is.
    """
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        # every process validates with the same running means
        broadcast_buffers=True,
        gradient_as_bucket_view=True,
        find_unused_parameters=cfg.get('find_unused_parameters', False))


@contextmanager
def as_input_errors() -> Iterator[None]:
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
            f'a download failed ({in_one_line(error)}): check the network, or '
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
def no_empty_log(work_dir: str) -> Iterator[None]:
    """Leave no log behind when bad input ends a run before its first step.

    Only this run's own log folder goes, if it holds nothing but the log and
    a copy of the config; then the work dir, if this run made it and no more
    than another copy of the config is left in it.
    """
    work_dir = Path(work_dir).absolute()
    made = [
        path for path in (work_dir, *work_dir.parents) if not path.exists()
    ]
    before = set(work_dir.glob('*'))
    try:
        yield
    except InputError:
        log = MMLogger.get_current_instance().log_file
        folder = log and Path(log).absolute().parent
        if is_main_process() and folder and folder not in before \
                and work_dir in folder.parents and _holds_no_step(folder):
            shutil.rmtree(folder)
        left = list(work_dir.glob('*'))
        if made and len(left) == 1 and left[0].suffix == '.py':
            left[0].unlink()
        for path in made:
            with suppress(OSError):  # not empty, or never made
                path.rmdir()
        raise


def _holds_no_step(folder: Path) -> bool:
    """Whether a run's log folder says nothing but how the run began."""
    files = {path for path in folder.rglob('*') if path.is_file()}
    logs = set(folder.glob('*.log'))
    steps = re.compile(r'(Iter|Epoch)\(')
    return files <= {*logs, folder / 'vis_data' / 'config.py'} and not any(
        steps.search(log.read_text(errors='replace')) for log in logs)
