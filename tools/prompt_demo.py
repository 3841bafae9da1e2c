"""Show a UniPHD one image and several prompts; draw the answers.

Example:
    python tools/prompt_demo.py photo.jpg CONFIG.py CHECKPOINT.pth \\
        --text 'woman in a red dress' --text left --point 120 80 \\
        --scribble 90,60 100,75 112,90 --out answers.png

Every prompt gives one picture with the person that it means; they stand side
by side. Coordinates are pixels of the image.
"""
import argparse


def parse_args(argv=None):
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('image', help='image file')
    parser.add_argument('config', help='config file of a UniPHD')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--text', action='append', default=[], help='a description')
    parser.add_argument(
        '--point',
        action='append',
        default=[],
        nargs=2,
        type=float,
        metavar=('X', 'Y'),
        help='a point on the person')
    parser.add_argument(
        '--scribble',
        action='append',
        default=[],
        nargs='+',
        metavar='X,Y',
        help='a line over the person')
    parser.add_argument(
        '--out', default='answers.png', help='picture to write (%(default)s)')
    parser.add_argument(
        '--device', default='cpu', help='where to compute (%(default)s)')
    return parser.parse_args(argv)


def run(args):
    """Predict and draw.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If there is no prompt, or a file or a prompt is at fault.
    """
    import cv2
    import numpy as np
    from mmdet.structures import DetDataSample

    from mmhqnet.apis.prompted import init_prompted, predict_prompts
    from mmhqnet.errors import InputError
    from mmhqnet.structures import Point, Scribble, Text
    from mmhqnet.visualization import HumanLocalVisualizer
    from mmhqnet.visualization.prompts import draw_prompt

    prompts = [
        *map(Text, args.text), *(Point(*point) for point in args.point),
        *(Scribble([pair.split(',') for pair in pairs])
          for pairs in args.scribble)
    ]
    if not prompts:
        raise InputError('say who is meant: --text, --point or --scribble')
    image = cv2.imread(args.image)
    if image is None:
        raise InputError(f'{args.image} is missing or not an image')
    model = init_prompted(args.config, args.checkpoint, args.device)
    visualizer = HumanLocalVisualizer(min_side=360)
    visualizer.dataset_meta = model.dataset_meta
    pictures = []
    for prompt, persons in zip(prompts, predict_prompts(model, image,
                                                        prompts)):
        best = persons[:1].cpu()
        print(f'{prompt}: score {best.scores[0]:.2f}, box '
              f'{np.round(best.bboxes[0].numpy()).tolist()}')
        visualizer.add_datasample(
            'answer',
            image[..., ::-1],
            DetDataSample(pred_instances=best),
            draw_gt=False,
            pred_score_thr=0)
        drawn = visualizer.get_image()
        scale = drawn.shape[1] / image.shape[1]
        matrix = np.diag([scale, scale, 1])
        pictures.append(draw_prompt(drawn, prompt.moved(matrix)))
    if not cv2.imwrite(args.out, np.hstack(pictures)[..., ::-1]):
        raise InputError(f'cannot write {args.out}')
    print(f'wrote {args.out}')


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
