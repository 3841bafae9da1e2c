"""Find the persons in images; write a picture and a JSON file for each.

Example:
    python tools/image_demo.py photo.jpg --config CONFIG.py \\
        --checkpoint CHECKPOINT.pth --out-dir outputs

Pictures go to ``outputs/vis``, predictions to ``outputs/preds``.
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
        description='Find persons with box, mask, pose, gender and age in '
        'images; write a picture and a JSON file for each image.')
    parser.add_argument(
        'images', nargs='+', metavar='IMG', help='image file or folder')
    parser.add_argument('--config', required=True, help='config file')
    parser.add_argument('--checkpoint', required=True, help='checkpoint file')
    parser.add_argument(
        '--out-dir',
        required=True,
        help='pictures go to its vis/, predictions to its preds/')
    parser.add_argument(
        '--device', help='e.g. cpu, cuda:0 (default: what is available)')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='draw persons that score more; the JSON files hold all of them '
        '(default: %(default)s)')
    return parser.parse_args(argv)


def run(args):
    """Predict for all images and write the results.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: At the end if some images could not be read, at once if
            config or checkpoint are at fault.
    """
    from mmhqnet.apis import HQNetInferencer
    from mmhqnet.errors import InputError

    inferencer = HQNetInferencer(
        args.config, args.checkpoint, args.device, show_progress=False)
    results = inferencer(
        args.images,
        out_dir=args.out_dir,
        no_save_pred=False,
        pred_score_thr=args.score_thr)
    count = len(results['predictions'])
    print(f'{count} image{"s" * (count != 1)}: pictures in '
          f'{args.out_dir}/vis, predictions in {args.out_dir}/preds')
    if results['skipped']:
        raise InputError(f'{len(results["skipped"])} image(s) skipped: ' +
                         '; '.join(results['skipped'].values()))


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
