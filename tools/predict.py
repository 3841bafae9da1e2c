"""Find persons in images, folders, videos, cameras and streams.

Example:
    python tools/predict.py photo.jpg
    python tools/predict.py photo.jpg holidays/ film.mp4 --config CONFIG.py \\
        --checkpoint CHECKPOINT.pth --out outputs

Of one person:
    python tools/predict.py photo.jpg --checkpoint CHECKPOINT.pth --json \\
        --point 120,80

``outputs`` gets a JSON line per image (``persons.jsonl``, see
docs/results.md), pictures (``pictures/``) and drawn videos.
"""
import argparse
import sys


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Find persons with box, mask, pose, gender and age.')
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SOURCE',
        help='image, folder, pattern, video, address, number of a camera, or '
        '- for a list of them on standard input, one a line')
    parser.add_argument(
        '--config', help='config file (default: the one in the checkpoint)')
    parser.add_argument(
        '--checkpoint',
        help='checkpoint file (default: the model that comes with mmhqnet)')
    parser.add_argument(
        '--out',
        metavar='FOLDER',
        help='where JSON lines and pictures go (default: outputs, unless '
        '--json is given)')
    parser.add_argument(
        '--json', action='store_true', help='print the JSON lines')
    parser.add_argument(
        '--resume', action='store_true', help='skip what is done in --out')
    parser.add_argument(
        '--no-pictures', action='store_true', help='write JSON lines only')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='persons must score more (default: %(default)s)')
    parser.add_argument(
        '--tasks',
        nargs='+',
        help='compute these only, e.g. mask pose (default: all)')
    parser.add_argument(
        '--no-attributes',
        action='store_true',
        help='no gender, age and other attributes')
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        '--point', metavar='X,Y', help='find only the person at this point')
    asked.add_argument(
        '--scribble',
        nargs='+',
        metavar='X,Y',
        help='find only the person under a line through these points')
    asked.add_argument(
        '--box', metavar='X1,Y1,X2,Y2', help='find only the person in a box')
    asked.add_argument(
        '--text', help='find only the person of these words, "oldest woman"')
    parser.add_argument(
        '--blur',
        choices=['face', 'person'],
        help='make faces or persons unrecognisable in the pictures')
    parser.add_argument('--batch-size', type=int, default=1)
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
    if not (args.out or args.json):
        args.out = 'outputs'
    if args.resume and not args.out:
        parser.error('--resume needs --out')
    return args


def run(args):
    """Predict and write.

    Returns:
        int: 1 if some images could not be read, else 0.
    """
    from mmhqnet.apis import HQNetInferencer, predict_to_folder
    from mmhqnet.structures import prompt_from_option
    prompt = None
    for kind in ('point', 'scribble', 'box', 'text'):
        if getattr(args, kind) is not None:
            prompt = prompt_from_option(kind, getattr(args, kind))
    inferencer = HQNetInferencer(
        args.config,
        args.checkpoint,
        args.device,
        tasks=args.tasks,
        attributes=not args.no_attributes,
        dtype=args.dtype,
        show_progress=False)
    sources = []
    for source in args.sources:
        lines = sys.stdin.read().splitlines() if source == '-' else [source]
        sources += [int(s) if s.isdigit() else s for s in filter(None, lines)]
    errors = count = 0
    for persons in predict_to_folder(
            inferencer,
            sources,
            args.out,
            resume=args.resume,
            pictures=not args.no_pictures,
            blur=args.blur,
            batch_size=args.batch_size,
            every=args.every,
            start=args.start,
            stop=args.stop,
            score_thr=args.score_thr,
            prompt=prompt):
        count += 1
        if args.json:
            print(persons.to_json(), flush=True)
        if persons.error:
            errors += 1
            print(f'error: {persons.error}', file=sys.stderr)
    print(
        f'{count} images, {errors} of them could not be read' +
        (f'; results are in {args.out}' if args.out else ''),
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
