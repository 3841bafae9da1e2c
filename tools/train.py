"""Train a model.

Example:
    python tools/train.py configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py
"""
import argparse
import os

from mmengine.config import DictAction


def parse_args(argv=None):
    """Read the command line; the options are those of mmdet's train.py.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='where logs and checkpoints go (default: work_dir of the config, '
        'else work_dirs/ and the name of the config)')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train with automatic mixed precision, on a GPU')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the total batch size')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint, by default the latest in the work dir, '
        'if it has one')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. '
        'train_dataloader.batch_size=2; a list is key="[a,b]" or key=a,b, '
        'nested ones are key="[(a,b),(c,d)]", quoted and without spaces')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher (default: %(default)s)')
    # torch.distributed.launch passes the one or the other
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def apply_options(cfg, args):
    """Bring the options of the command line into the config.

    Args:
        cfg (Config): The config, changed in place.
        args (argparse.Namespace): The options.

    Raises:
        InputError: If the config or the machine lacks what an option needs.
    """
    from mmengine.device import get_device
    from mmengine.runner import find_latest_checkpoint

    from mmhqnet.errors import InputError
    from mmhqnet.utils.launch import checked_start

    if args.amp:
        if get_device() == 'cpu':
            raise InputError('--amp needs a GPU; leave it out')
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'

    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise InputError('--auto-scale-lr needs auto_scale_lr = dict('
                             'enable=False, base_batch_size=...) in the '
                             'config: the batch size its rate is meant for')
        cfg.auto_scale_lr.enable = True

    # A run that cannot go on, because it has not begun, begins as its config
    # says.
    resumed = args.resume
    if resumed == 'auto':
        resumed = find_latest_checkpoint(cfg.work_dir)
    if resumed:
        cfg.resume, cfg.load_from = True, resumed
    checkpoint = checked_start(cfg)
    if cfg.resume and checkpoint and 'optimizer' not in checkpoint:
        raise InputError(
            f'checkpoint {cfg.load_from} holds weights only and cannot be '
            'resumed; start from it with --cfg-options load_from=...')


def train(args):
    """Train as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If config, checkpoint or data are at fault.
    """
    from mmdet.utils import setup_cache_size_limit_of_dynamo

    from mmhqnet.utils.launch import (as_input_errors, build_runner,
                                      load_config, no_empty_log)

    setup_cache_size_limit_of_dynamo()
    cfg = load_config(args)
    apply_options(cfg, args)
    with no_empty_log(cfg.work_dir), as_input_errors():
        build_runner(cfg).train()


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(train)(args)


if __name__ == '__main__':
    main()
