"""Follow persons through a video.

Example:
    python tools/track.py film.mp4 --out outputs
    python tools/track.py film.mp4 --config CONFIG.py \\
        --checkpoint CHECKPOINT.pth --out outputs

``outputs`` gets a JSON line per frame (``persons.jsonl``, with ``track_id``),
the tracks in the columns of MOT17 (``tracks.txt``) and a drawn video.
"""
import argparse
import sys


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Follow persons with box, mask, pose, gender and age '
        'through a video.')
    parser.add_argument(
        'source',
        metavar='VIDEO',
        help='video, folder or pattern of frames, address, or number of a '
        'camera')
    parser.add_argument(
        '--config', help='config file (default: the one in the checkpoint)')
    parser.add_argument(
        '--checkpoint',
        help='checkpoint file (default: the model that comes with mmhqnet)')
    parser.add_argument(
        '--out', metavar='FOLDER', required=True, help='where results go')
    parser.add_argument(
        '--tracker',
        metavar='CONFIG',
        help='config of configs/tracking/ whose model.tracker to use '
        '(default: human queries)')
    parser.add_argument(
        '--json', action='store_true', help='print the JSON lines')
    parser.add_argument(
        '--no-pictures', action='store_true', help='draw no video')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.1,
        help='persons that score less are not shown to the tracker, which '
        'has thresholds of its own (default: %(default)s)')
    parser.add_argument(
        '--tasks',
        nargs='+',
        help='compute these only, e.g. mask pose (default: all)')
    parser.add_argument(
        '--no-attributes',
        action='store_true',
        help='no gender, age and other attributes')
    parser.add_argument(
        '--blur',
        choices=['face', 'person'],
        help='make faces or persons unrecognisable in the video')
    parser.add_argument(
        '--trail',
        type=int,
        default=30,
        metavar='N',
        help='frames that the trail behind a person lasts in the video, 0 for '
        'none (default: %(default)s)')
    for name, value in (('every', 1), ('start', 0), ('stop', None)):
        parser.add_argument(
            f'--{name}',
            type=int,
            default=value,
            metavar='N',
            help='frames to look at, as range(START, STOP, EVERY)')
    parser.add_argument(
        '--dtype',
        choices=['float32', 'bfloat16'],
        default='float32',
        help='bfloat16 saves time on processors that compute with it '
        '(default: %(default)s)')
    parser.add_argument(
        '--device', help='e.g. cpu, cuda:0 (default: what is available)')
    args = parser.parse_args(argv)
    if args.config and not args.checkpoint:
        parser.error('--config needs --checkpoint')
    return args


def load_tracker(path):
    """A :class:`FrameTracker` as a config says, by default human queries.

    Raises:
        InputError: If the config is missing, broken or has no tracker.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_config
    from mmhqnet.tracking import FrameTracker
    if path is None:
        return FrameTracker()
    tracker = read_config(path).get('model', {}).get('tracker')
    if tracker is None:
        raise InputError(f'config {path} has no model.tracker: use one of '
                         'configs/tracking/')
    return FrameTracker(tracker)


def run(args):
    """Track and write.

    Returns:
        int: 1 if some frames could not be read, else 0.
    """
    from pathlib import Path

    import numpy as np

    from mmhqnet.apis import HQNetInferencer, predict_to_folder
    from mmhqnet.datasets.annotations.mot_files import format_tracks
    inferencer = HQNetInferencer(
        args.config,
        args.checkpoint,
        args.device,
        tasks=args.tasks,
        attributes=not args.no_attributes,
        dtype=args.dtype,
        show_progress=False)
    source = int(args.source) if args.source.isdigit() else args.source
    frames, errors, ids = [], 0, set()
    for persons in predict_to_folder(
            inferencer, [source],
            args.out,
            pictures=not args.no_pictures,
            blur=args.blur,
            trail=args.trail,
            every=args.every,
            start=args.start,
            stop=args.stop,
            score_thr=args.score_thr,
            tracker=load_tracker(args.tracker)):
        found = persons.columns.get('instances_id', np.zeros(0, int))
        boxes = persons.columns.get('bboxes', np.zeros((0, 4)))
        frames.append(
            (found, np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])))
        ids |= set(found.tolist())
        if args.json:
            print(persons.to_json(), flush=True)
        if persons.error:
            errors += 1
            print(f'error: {persons.error}', file=sys.stderr)
    Path(args.out, 'tracks.txt').write_text(format_tracks(frames))
    print(
        f'{len(frames)} frames, {len(ids)} tracks; results are in '
        f'{args.out}',
        file=sys.stderr)
    return int(errors > 0)


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    return one_line_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
