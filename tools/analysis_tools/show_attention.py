"""Draw where HQNet looks for a person: figure A5 of the paper.

Example:
    python tools/analysis_tools/show_attention.py photo.jpg \
        --config CONFIG.py --checkpoint CHECKPOINT.pth --person 0 1 \
        --out attention.jpg

Each point is a sampling point of the last decoder layer's deformable
attention; warm and large points have large weights.
"""
import argparse


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Draw the sampling points of the last decoder layer for '
        'chosen persons.')
    parser.add_argument('image', help='image file')
    parser.add_argument('--config', required=True, help='config file')
    parser.add_argument('--checkpoint', required=True, help='checkpoint file')
    parser.add_argument('--out', required=True, help='picture to write')
    parser.add_argument(
        '--person',
        type=int,
        nargs='+',
        default=[0],
        metavar='N',
        help='which persons, counted from the best score; each gets a '
        'picture, side by side (default: 0)')
    parser.add_argument(
        '--device', help='e.g. cpu, cuda:0 (default: what is available)')
    return parser.parse_args(argv)


def show(args):
    """Predict, and draw the attention of the chosen persons.

    Raises:
        InputError: If an input cannot be read, or there are fewer persons.
    """
    from pathlib import Path

    import cv2
    import numpy as np
    from mmdet.apis import inference_detector

    from mmhqnet.apis import HQNetInferencer
    from mmhqnet.errors import InputError
    from mmhqnet.visualization.attention import (draw_attention,
                                                 recorded_attention)

    image = cv2.imread(args.image)
    if image is None:
        raise InputError(f'cannot read image {args.image}')
    model = HQNetInferencer(args.config, args.checkpoint, args.device).model
    model.bbox_head.test_cfg.with_queries = True
    with recorded_attention(model) as record:
        sample = inference_detector(model, args.image)
    persons = sample.pred_instances.cpu()
    missing = [n for n in args.person if not 0 <= n < len(persons)]
    if missing:
        raise InputError(f'--person {missing[0]}: the persons of this image '
                         f'are 0 to {len(persons) - 1}')
    height, width = sample.batch_input_shape
    pixels = np.array([width, height]) / sample.scale_factor
    pictures = []
    for number in args.person:
        points, weights = record.of(persons.human_queries[number].to(
            record.queries.device))
        pictures.append(
            draw_attention(image,
                           points.cpu().numpy() * pixels,
                           weights.cpu().numpy(),
                           persons.bboxes[number].numpy()))
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(out), np.hstack(pictures)):
        raise InputError(f'cannot write {args.out}: name a .jpg or .png file')
    print(args.out)


def main(argv=None):
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(show)(args)


if __name__ == '__main__':
    main()
