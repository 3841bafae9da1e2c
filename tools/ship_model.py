"""Make a checkpoint the model that comes with mmhqnet.

Half precision, without what only a training needs, with the config and where
it came from. The old one is replaced.

Example:
    python tools/ship_model.py \\
        work_dirs/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person/epoch_40.pth
"""
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/hqnet/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py'
LIMIT = 12 * 2**20  # bytes


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Make a checkpoint the model that comes with mmhqnet.')
    parser.add_argument(
        'checkpoint', help='of a training, with averaged weights')
    parser.add_argument(
        '--config',
        default=str(ROOT / CONFIG),
        help='what it was trained '
        f'with (default: {CONFIG})')
    parser.add_argument(
        '--out-dir', type=Path, default=ROOT / 'mmhqnet/weights')
    parser.add_argument(
        '--data',
        default='2,308 photos of COCO 2017 with 9,399 persons, scaled to 384 '
        'pixels, a third of the persons with masks; the backbone began with '
        "ImageNet's MobileNetV2",
        help='what it learnt from')
    parser.add_argument(
        '--licence',
        default='photos under various Creative Commons licences, most of them '
        'non-commercial; annotations of COCO under CC BY 4.0; for trying out '
        'and research, not for products',
        help='of these data, and what follows')
    return parser.parse_args(argv)


def run(args):
    """Write the file.

    Returns:
        int: 1 if it is too large to ship, else 0.
    """
    from mmhqnet.apis.shipping import ship
    from mmhqnet.files import read_config
    name = '_'.join(
        part for part in Path(args.config).stem.split('_')
        if not part[0].isdigit())
    path = ship(
        read_config(args.config), args.checkpoint, args.out_dir, name,
        dict(data=args.data, licence=args.licence))
    size = path.stat().st_size
    print(f'wrote {path}, {size / 2**20:.2f} MiB')
    if size > LIMIT:
        print(f'error: more than {LIMIT / 2**20:.0f} MiB', file=sys.stderr)
    return int(size > LIMIT)


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    return one_line_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
