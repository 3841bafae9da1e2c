"""Draw the way of an image through HQNet, with the numbers of a config.

Example:
    python tools/analysis_tools/draw_architecture.py \
        configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py \
        --out docs/images/architecture.png
"""
import argparse
from pathlib import Path

MAIN_CONFIG = (
    Path(__file__).resolve().parents[2] /
    'configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py')
DINO, HQNET = '#d9d9d9', '#bcd7f2'
OUTPUTS = dict(
    mask='mask', pose='keypoints', gender='gender', age='age', face='face')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Draw the way of an image through HQNet.')
    parser.add_argument(
        'config',
        nargs='?',
        default=str(MAIN_CONFIG),
        help='config of an HQNet (default: the main one)')
    parser.add_argument(
        '--out',
        default='docs/images/architecture.png',
        help='picture to write (default: %(default)s)')
    return parser.parse_args(argv)


class Drawing:
    """Boxes and arrows on a canvas of ``width`` x ``height`` units."""

    def __init__(self, width, height):
        import matplotlib
        matplotlib.use('Agg')
        from matplotlib import pyplot as plt
        self.figure, self.axes = plt.subplots(figsize=(width, height))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(0, height)
        self.axes.axis('off')

    def box(self, x, y, text, color, width=1.55, height=0.7, dashed=False):
        """A box around (x, y)."""
        from matplotlib.patches import FancyBboxPatch
        self.axes.add_patch(
            FancyBboxPatch((x - width / 2, y - height / 2),
                           width,
                           height,
                           boxstyle='round,pad=0.02,rounding_size=0.08',
                           facecolor=color,
                           edgecolor='#404040',
                           linestyle='--' if dashed else '-'))
        self.axes.text(x, y, text, ha='center', va='center', fontsize=8.5)

    def arrow(self, *points, text='', dashed=False):
        """A line through points that ends in a head."""
        style = dict(color='#404040', lw=1, ls='--' if dashed else '-')
        for start, end in zip(points[:-2], points[1:-1]):
            self.axes.plot(*zip(start, end), **style)
        self.axes.annotate(
            '',
            xy=points[-1],
            xytext=points[-2],
            arrowprops=dict(arrowstyle='-|>', shrinkA=0, shrinkB=0, **style))
        if text:
            (x0, y0), (x1, y1) = points[:2]
            self.axes.text(
                (x0 + x1) / 2, (y0 + y1) / 2 + 0.06,
                text,
                ha='center',
                va='bottom',
                fontsize=7.5,
                color='#404040')

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.figure.savefig(
            path, dpi=120, bbox_inches='tight', facecolor='white')


def draw(model, path):
    """Draw a model config.

    Args:
        model (dict): ``model`` of a config.
        path (Path): The picture.

    Returns:
        list[str]: Names of the drawn tasks.
    """
    tasks = [
        name for name, task in model['bbox_head']['task_heads'].items() if task
    ]
    pose = model['bbox_head']['task_heads'].get('pose') or {}
    layers, queries = model['decoder']['num_layers'], model['num_queries']
    drawing = Drawing(13.2, 5.6)
    box, arrow = drawing.box, drawing.arrow

    box(
        0.9, 2.6, f"{model['backbone']['type']}-"
        f"{model['backbone'].get('depth', '')}".rstrip('-'), DINO)
    box(2.9, 2.6, f"neck\n{model['neck']['num_outs']} maps", DINO)
    box(5.0, 2.6, f"encoder\n{model['encoder']['num_layers']} layers", DINO)
    box(7.2, 2.6, f'best {queries}\ntokens', DINO)
    box(9.4, 2.6, f'decoder\n{layers} layers', DINO)
    arrow((0.0, 2.6), (0.12, 2.6))
    arrow((1.68, 2.6), (2.12, 2.6))
    arrow((3.68, 2.6), (4.22, 2.6), text='8–64')
    arrow((5.78, 2.6), (6.42, 2.6), text='tokens')
    arrow((7.98, 2.6), (8.62, 2.6), text='boxes')
    arrow((5.0, 2.24), (5.0, 1.95), (8.9, 1.95), (8.9, 2.24))
    drawing.axes.text(5.9, 1.99, 'memory', fontsize=7.5, color='#404040')
    box(7.2, 1.3, f'{queries} learned\ncontent queries', DINO)
    arrow((7.98, 1.3), (9.25, 1.3), (9.25, 2.24))
    box(9.4, 0.4, 'denoising queries', DINO, dashed=True)
    arrow((9.6, 0.76), (9.6, 2.24), dashed=True)

    box(5.0, 4.6, 'pixel\nembedding', HQNET)
    arrow((2.9, 2.96), (2.9, 4.6), (4.22, 4.6), text='')
    drawing.axes.text(3.5, 4.66, 'stride 4', fontsize=7.5, color='#404040')
    arrow((5.0, 2.96), (5.0, 4.24))
    drawing.axes.text(
        4.94, 3.5, 'stride 8', ha='right', fontsize=7.5, color='#404040')
    if pose and pose.get('heatmap', True):
        box(7.2, 3.75, 'keypoint\nheat maps', HQNET, dashed=True)
        arrow((5.3, 2.96), (5.3, 3.75), (6.42, 3.75), dashed=True)

    heads = ['class, box', *tasks]
    ys = [4.95 - 0.94 * i for i in range(len(heads))]
    arrow((10.18, 2.6), (10.75, 2.6))
    drawing.axes.text(10.46, 2.68, 'human\nqueries', ha='center', fontsize=7.5)
    drawing.axes.plot([10.75, 10.75], [ys[-1], ys[0]], color='#404040', lw=1)
    for name, y in zip(heads, ys):
        text = OUTPUTS.get(name, name)
        if name == 'pose' and pose.get('refine', True):
            text += ', refined\non the memory'
        box(12.0, y, text, DINO if y == ys[0] else HQNET)
        arrow((10.75, y), (11.22, y))
        if name == 'mask':
            arrow((5.78, 4.6), (10.4, 4.6), (10.4, y + 0.2), (11.22, y + 0.2))
            drawing.axes.text(8.0, 4.66, 'dot product', fontsize=7.5)
    drawing.save(path)
    return tasks


def main(argv=None):
    args = parse_args(argv)
    from mmhqnet.errors import InputError, one_line_errors
    from mmhqnet.files import read_config

    @one_line_errors
    def run():
        config = read_config(args.config)
        try:
            draw(config.model, Path(args.out))
        except (KeyError, AttributeError) as error:
            raise InputError(f'config {args.config} is not that of an HQNet: '
                             f'{type(error).__name__} {error}') from error

    run()
    print(args.out)


if __name__ == '__main__':
    main()
