"""Draw one stage of QueryPose, with the numbers of a config.

Example:
    python tools/analysis_tools/draw_querypose.py \
        configs/querypose/querypose_r50_8xb2-140k_coco.py \
        --out docs/images/querypose.png
"""
import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from draw_architecture import Drawing  # noqa: E402

CONFIG = HERE.parents[1] / 'configs/querypose/querypose_r50_8xb2-140k_coco.py'
SPARSE_RCNN, QUERYPOSE = '#d9d9d9', '#bcd7f2'


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description='Draw a stage of QueryPose.')
    parser.add_argument(
        'config',
        nargs='?',
        default=str(CONFIG),
        help='config of a QueryPose (default: the full one on COCO)')
    parser.add_argument(
        '--out',
        default='docs/images/querypose.png',
        help='picture to write (default: %(default)s)')
    return parser.parse_args(argv)


def draw(model, path):
    """Draw a model config.

    Args:
        model (dict): ``model`` of a config of :class:`QueryPose`.
        path (Path): The picture.
    """
    from mmhqnet.models.layers import resolve_part_groups
    head = model['roi_head']
    parts = len(
        resolve_part_groups(head.get('part_groups'), head['num_keypoints']))
    queries = model['rpn_head']['num_proposals']
    interact = head['pose_layer'].get('interact', True)
    drawing = Drawing(14.6, 5.0)
    box, arrow = drawing.box, drawing.arrow

    def note(x, y, text):
        drawing.axes.text(
            x, y, text, ha='center', fontsize=7.5, color='#404040')

    box(1.0, 3.6, f'{queries} queries\nand boxes', SPARSE_RCNN)
    box(3.3, 3.6, 'box head', SPARSE_RCNN)
    box(3.3, 2.1, 'regions\nof all levels', SPARSE_RCNN)
    box(1.0, 0.6, 'feature\npyramid', SPARSE_RCNN)
    arrow((1.78, 3.6), (2.52, 3.6))
    arrow((1.0, 0.96), (1.0, 2.1), (2.52, 2.1), text='')
    arrow((3.3, 2.46), (3.3, 3.24))
    arrow((3.3, 3.96), (3.3, 4.6), (14.4, 4.6))
    note(8.5, 4.66, 'queries, boxes (no gradient), to the next stage')

    box(5.5, 0.6, 'regions\nof stride 4', QUERYPOSE)
    arrow((1.78, 0.6), (4.72, 0.6))
    arrow((4.08, 3.6), (5.5, 3.6), (5.5, 0.96))
    note(4.75, 3.66, 'boxes')
    box(7.5, 0.6, 'convolutions', QUERYPOSE)
    arrow((6.28, 0.6), (6.72, 0.6))
    box(9.6, 0.6, f'SPEGM:\n{parts} attention maps', QUERYPOSE, width=1.8)
    arrow((8.28, 0.6), (8.68, 0.6))
    if interact:
        box(7.5, 2.6, 'query meets\nregion', QUERYPOSE)
        arrow((7.5, 0.96), (7.5, 2.24))
        arrow((5.5, 2.6), (6.72, 2.6))
        note(6.1, 2.66, 'queries')
        arrow((7.5, 2.96), (7.5, 4.6))
    query_from = 8.28 if interact else 5.5
    box(9.6, 2.6, f'{parts} linear\nlayers', QUERYPOSE)
    arrow((query_from, 2.6), (8.82, 2.6))
    box(11.7, 1.6, 'SIM: gates of\nnew and old', QUERYPOSE)
    arrow((10.38, 2.6), (10.7, 2.6), (10.7, 1.75), (10.92, 1.75))
    arrow((10.52, 0.6), (10.7, 0.6), (10.7, 1.45), (10.92, 1.45))
    box(13.6, 1.6, 'attention over\nparts, FFN', QUERYPOSE)
    arrow((12.48, 1.6), (12.82, 1.6))
    arrow((11.7, 3.4), (11.7, 1.96))
    note(11.7, 3.5, f'{parts} part queries\nof the stage before')
    arrow((13.6, 1.96), (13.6, 3.4))
    note(13.6, 3.5, f'{parts} part queries\nto the next stage')
    box(13.6, 0.4, 'keypoints,\nstd. deviations', QUERYPOSE)
    arrow((13.6, 1.24), (13.6, 0.76))
    drawing.save(path)


def run(args):
    """Draw as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If the config is not one of a QueryPose.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_config
    model = read_config(args.config).get('model', {})
    if model.get('type') != 'QueryPose':
        raise InputError(f'{args.config} is no config of a QueryPose')
    draw(model, Path(args.out))
    print(f'wrote {args.out}')


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
