"""Write Toy UniHuman: drawn people with exact COCO-UniHuman annotations.

Example:
    python tools/dataset_converters/make_toy_unihuman.py data/toy_unihuman

The people are articulated, overlap, hide behind each other and behind
things; age and gender show in proportions, posture, hair, face and clothes.
The same options always give the same bytes.
"""
import argparse
import signal
import sys
import time
from pathlib import Path


def parse_args(argv=None):
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        description='Draw the Toy UniHuman data set: images, and annotations '
        'in COCO-UniHuman format.')
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument(
        '--num-train',
        type=int,
        default=4000,
        metavar='N',
        help='training images (default: %(default)s)')
    parser.add_argument(
        '--num-val',
        type=int,
        default=100,
        metavar='N',
        help='validation images (default: %(default)s)')
    parser.add_argument(
        '--image-size',
        type=int,
        nargs=2,
        default=[128, 128],
        metavar=('WIDTH', 'HEIGHT'),
        help='in pixels (default: 128 128)')
    parser.add_argument(
        '--max-persons',
        type=int,
        default=2,
        metavar='N',
        help='people per image: 1..N (default: %(default)s)')
    parser.add_argument(
        '--crowded',
        type=float,
        default=0.0,
        metavar='FRACTION',
        help='share of the training images that show N people for certain: '
        'they teach more (default: %(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='same seed, same data (default: %(default)s)')
    parser.add_argument(
        '--unlabelled',
        type=float,
        default=0.1,
        metavar='FRACTION',
        help='share of the training people without gender, '
        'and of those without age (default: %(default)s)')
    return parser.parse_args(argv)


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    from mmhqnet.errors import InputError
    from mmhqnet.toy.dataset import (check_options, is_complete, make_data_set,
                                     options_of)
    try:
        check_options(args)
        out, options = args.out.resolve(), options_of(args)
        if is_complete(out, options):
            print(f'{args.out}: complete, made with the same options; '
                  'nothing to do')
            return
        start = time.perf_counter()
        make_data_set(out, options)
    except (InputError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print('interrupted: nothing was written', file=sys.stderr)
        sys.exit(130)
    print(f'{args.out}: {args.num_train} training and {args.num_val} '
          f'validation images in {time.perf_counter() - start:.1f} s')


if __name__ == '__main__':
    # a polite kill unwinds like Ctrl-C does, so that nothing stays behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
