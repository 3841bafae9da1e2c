"""Draw what a model is fed: images after the transforms, with all labels.

Example:
    python tools/analysis_tools/browse_dataset.py CONFIG.py --number 20 \\
        --out-dir work_dirs/browse

Each person is drawn with all its labels; crowds, which are not trained on,
are grey.
"""
import argparse
from pathlib import Path


def parse_args(argv=None):
    """Read the command line."""
    from mmengine.config import DictAction
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path('work_dirs/browse_dataset'),
        help='folder for the pictures (default: %(default)s)')
    parser.add_argument(
        '--number',
        type=int,
        default=20,
        help='pictures to draw; beyond the size of the data set it starts '
        'again with new random transforms (default: %(default)s)')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='which data loader of the config (default: %(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the random transforms (default: %(default)s)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override config entries, key=value')
    return parser.parse_args(argv)


def picture_of(packed, labels_follow):
    """The image as labels see it, (H, W, 3) uint8, RGB.

    Args:
        packed: ``inputs`` (3, H, W), BGR, and ``data_samples``.
        labels_follow: Whether labels are in the pixels of the input;
            otherwise in those of the original photo.
    """
    import cv2
    import numpy as np
    image = packed['inputs'].numpy().transpose(1, 2, 0)[..., ::-1]
    image = np.ascontiguousarray(image.clip(0, 255).astype(np.uint8))
    if not labels_follow:
        height, width = packed['data_samples'].ori_shape
        image = cv2.resize(image, (width, height))
    return image


def grey_out(image, crowds):
    """Turn crowds grey and frame them in an image (H, W, 3)."""
    import cv2
    for mask in crowds.masks.masks if 'masks' in crowds else ():
        image[mask > 0] = image[mask > 0].mean(-1, keepdims=True)
    for box in crowds.bboxes.tensor.int().tolist():
        cv2.rectangle(image, box[:2], box[2:], (200, 200, 200), 1)
        cv2.putText(image, 'crowd', (box[0] + 3, box[1] + 12),
                    cv2.FONT_HERSHEY_SIMPLEX, .4, (255, 255, 255), 1)


def run(args):
    """Draw the pictures and say what is on them."""
    from mmengine.registry import init_default_scope
    from mmengine.runner import set_random_seed

    from mmhqnet.errors import InputError
    from mmhqnet.files import read_config
    from mmhqnet.registry import DATASETS
    from mmhqnet.visualization import HumanLocalVisualizer

    config = read_config(args.config)
    config.merge_from_dict(args.cfg_options or {})
    loader = config.get(f'{args.split}_dataloader')
    if loader is None:
        raise InputError(f'{args.config} has no {args.split}_dataloader; '
                         'choose another --split')
    init_default_scope(config.get('default_scope', 'mmdet'))
    dataset = DATASETS.build(loader.dataset)
    visualizer = HumanLocalVisualizer(min_side=480)
    visualizer.dataset_meta = dataset.metainfo
    set_random_seed(args.seed)

    args.out_dir.mkdir(parents=True, exist_ok=True)
    for i in range(args.number):
        packed = dataset[i % len(dataset)]
        sample = packed['data_samples']
        persons, crowds = sample.gt_instances, sample.ignored_instances
        # mmdet's evaluation pipelines load labels after resizing.
        labels_follow = args.split == 'train'
        if 'masks' in persons:
            size = (persons.masks.height, persons.masks.width)
            labels_follow = size == sample.img_shape
        image = picture_of(packed, labels_follow)
        grey_out(image, crowds)
        out_file = args.out_dir / f'{i:05d}_{Path(sample.img_path).stem}.png'
        visualizer.add_datasample(
            out_file.stem,
            image,
            sample,
            draw_pred=False,
            out_file=str(out_file))
        height, width = packed['inputs'].shape[1:]
        print(f'{out_file}: input {width}x{height}, {len(persons)} persons, '
              f'{len(crowds)} crowds')


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
