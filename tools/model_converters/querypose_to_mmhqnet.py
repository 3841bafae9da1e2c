"""Convert a checkpoint of QueryPose's authors for our ``QueryPose``.

Weights keep their values and get our names; the light or full config of the
same backbone loads them strictly.

Example:
    python tools/model_converters/querypose_to_mmhqnet.py \\
        querypose_hrnet_w32.pth querypose.pth
    python tools/test.py \\
        configs/querypose/querypose-light_hrnet-w32_8xb2-280k_coco.py \\
        querypose.pth
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
        description="Convert a checkpoint of QueryPose's authors for mmhqnet.")
    parser.add_argument('src', help='checkpoint file of the release')
    parser.add_argument('dst', help='checkpoint file to write')
    return parser.parse_args(argv)


def run(args):
    """Convert as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If ``src`` is not a QueryPose, or ``dst`` cannot be
            written.
    """
    from mmhqnet.checkpoints import (convert_querypose, read_checkpoint,
                                     write_weights)
    weights = convert_querypose(read_checkpoint(args.src, weights_only=True))
    write_weights(weights, args.dst)
    version = 'full' if any('.interaction.' in name
                            for name in weights) else 'light'
    print(f'wrote {args.dst}, the {version} version')


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
