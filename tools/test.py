"""Test a trained model.

Example:
    python tools/test.py configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py \\
        work_dirs/hqnet_r50_16xb1-100e_coco-unihuman/epoch_100.pth
"""
import argparse
import os

from mmengine.config import DictAction


def parse_args(argv=None):
    """Read the command line; the options are those of mmdet's test.py.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(description='Test a trained model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help='where the scores and the log go (default: work_dir of the '
        'config, else work_dirs/ and the name of the config)')
    parser.add_argument(
        '--out',
        metavar='FILE.pkl',
        help='also write the predictions, for evaluating them later')
    parser.add_argument(
        '--show', action='store_true', help='show the predictions')
    parser.add_argument(
        '--show-dir',
        help='folder for pictures of the predictions, made in the folder of '
        'this run within the work dir')
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='seconds to show each picture (default: %(default)s)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. '
        'test_dataloader.batch_size=2; a list is key="[a,b]" or key=a,b, '
        'nested ones are key="[(a,b),(c,d)]", quoted and without spaces')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher (default: %(default)s)')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='test-time augmentation with the tta_model and tta_pipeline of '
        'the config')
    parser.add_argument(
        '--dtype',
        choices=['float32', 'bfloat16'],
        default='float32',
        help='bfloat16 saves time on processors that compute with it '
        '(default: %(default)s)')
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
        InputError: If the config lacks what an option needs, or ``--out`` is
            no pickle file.
    """
    from mmdet.engine.hooks.utils import trigger_visualization_hook

    from mmhqnet.errors import InputError

    cfg.load_from = args.checkpoint
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        raise InputError(f'--out {args.out} must end in .pkl or .pickle')

    if args.show or args.show_dir:
        if 'visualization' not in cfg.get('default_hooks', {}):
            raise InputError('--show and --show-dir need default_hooks.'
                             'visualization in the config')
        trigger_visualization_hook(cfg, args)

    if args.tta:
        # NOTE: mmdet falls back to merging boxes, and loses all other tasks.
        if 'tta_model' not in cfg or 'tta_pipeline' not in cfg:
            raise InputError(
                '--tta needs tta_model and tta_pipeline in the config')
        cfg.model = dict(cfg.tta_model, module=cfg.model)
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline


def test(args):
    """Test as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If config, checkpoint or data are at fault, or the
            checkpoint belongs to another model.
    """
    from mmdet.evaluation import DumpDetResults
    from mmdet.utils import setup_cache_size_limit_of_dynamo

    from mmhqnet.apis.model_options import Precision
    from mmhqnet.checkpoints import check_weights_fit
    from mmhqnet.utils.launch import (as_input_errors, build_runner,
                                      checked_start, load_config, no_empty_log)

    setup_cache_size_limit_of_dynamo()
    cfg = load_config(args)
    apply_options(cfg, args)
    checkpoint = checked_start(cfg)
    with no_empty_log(cfg.work_dir), as_input_errors():
        runner = build_runner(cfg)
        model = runner.model
        while hasattr(model, 'module'):  # several GPUs, augmentation
            model = model.module
        check_weights_fit(model, checkpoint['state_dict'], args.checkpoint,
                          checkpoint.get('meta', {}).get('training_only', ()))
        if args.out:
            runner.test_evaluator.metrics.append(
                DumpDetResults(out_file_path=args.out))
        Precision(args.dtype).test(runner)


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(test)(args)


if __name__ == '__main__':
    main()
