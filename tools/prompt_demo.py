"""Show a model one image and several prompts; draw the answers.

Example:
    python tools/prompt_demo.py photo.jpg CONFIG.py CHECKPOINT.pth \\
        --text 'woman in a red dress' --text left --point 120,80 \\
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
    parser.add_argument(
        'config', help='config file of any model; UniPHD reads prompts itself')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--text', action='append', default=[], help='a description')
    parser.add_argument(
        '--point',
        action='append',
        default=[],
        metavar='X,Y',
        help='a point on the person')
    parser.add_argument(
        '--scribble',
        action='append',
        default=[],
        nargs='+',
        metavar='X,Y',
        help='a line over the person')
    parser.add_argument(
        '--box',
        action='append',
        default=[],
        metavar='X1,Y1,X2,Y2',
        help='a box around the person')
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

    from mmhqnet.apis import HQNetInferencer
    from mmhqnet.errors import InputError
    from mmhqnet.structures import prompt_from_option
    from mmhqnet.visualization.prompts import draw_prompt

    prompts = [
        prompt_from_option(kind, value)
        for kind in ('text', 'point', 'scribble', 'box')
        for value in getattr(args, kind)
    ]
    if not prompts:
        raise InputError('say who is meant: --text, --point, --scribble or '
                         '--box')
    inferencer = HQNetInferencer(
        args.config, args.checkpoint, args.device, show_progress=False)
    inferencer.visualizer.min_side = 360
    pictures = []
    for prompt in prompts:
        answer, = inferencer.predict(args.image, prompt=prompt)
        print(f'{prompt}: {[*answer]}, {answer.choice.reason}')
        drawn = answer.plot()
        scale = drawn.shape[1] / answer.image.shape[1]
        picture = draw_prompt(drawn[..., ::-1],
                              prompt.moved(np.diag([scale, scale, 1])))
        pictures.append(picture[..., ::-1])
    if not cv2.imwrite(args.out, np.hstack(pictures)):
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
