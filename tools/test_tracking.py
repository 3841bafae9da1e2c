"""Evaluate a tracker on videos.

Example:
    python tools/test_tracking.py \
        configs/tracking/hqnet_r50_human-queries_posetrack21.py \
        --detector hqnet_r50.pth --out tracks/

A tracker has no weights of its own; the checkpoint is the detector's.
"""
import argparse
import os

from mmengine.config import DictAction


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Evaluate a tracker on videos.')
    parser.add_argument('config', help='config file of configs/tracking/')
    parser.add_argument(
        '--detector', required=True, help='checkpoint of the detector')
    parser.add_argument(
        '--work-dir',
        help='where the scores and the log go (default: work_dir of the '
        'config, else work_dirs/ and the name of the config)')
    parser.add_argument(
        '--out',
        metavar='FOLDER',
        help="also write a file of tracks per video, as PoseTrack21's kit "
        'reads them')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. '
        'model.tracker.match_query_thr=0.2')
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


def test(args):
    """Run the tracker over all videos and print IDF1 and MOTA.

    Raises:
        InputError: If config, checkpoint or data are at fault.
    """
    import mmhqnet.utils.launch as launch
    from mmhqnet.checkpoints import check_weights_fit, read_checkpoint
    from mmhqnet.errors import InputError

    cfg = launch.load_config(args)
    if 'detector' not in cfg.model:
        raise InputError(f'config {args.config} has no model.detector: use '
                         'one of configs/tracking/')
    if args.out:
        cfg.test_evaluator.outfile_prefix = args.out
    weights = read_checkpoint(args.detector)['state_dict']
    with launch.no_empty_log(cfg.work_dir), launch.as_input_errors():
        runner = launch.build_runner(cfg)
        model = runner.model
        while hasattr(model, 'module'):
            model = model.module
        check_weights_fit(model.detector, weights, args.detector)
        model.detector.load_state_dict(weights, strict=False)
        runner.test()


def main(argv=None):
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(test)(args)


if __name__ == '__main__':
    main()
