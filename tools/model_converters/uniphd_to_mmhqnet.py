"""Convert the weights that the authors of UniPHD released.

Example:
    python tools/model_converters/uniphd_to_mmhqnet.py \\
        uniphd_swin_t.pth uniphd.pth
    python tools/test.py \\
        configs/uniphd/uniphd_swin-t_4xb4-20e_refhuman.py uniphd.pth

The numbers stay what they are. Backbone and language model come along.
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
        description='Convert the released weights of UniPHD with Swin-T.')
    parser.add_argument('src', help='checkpoint file of the release')
    parser.add_argument('dst', help='checkpoint file to write')
    return parser.parse_args(argv)


def run(args):
    """Convert as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If ``src`` is not the release, or ``dst`` cannot be
            written.
    """
    from contextlib import nullcontext

    import torch

    from mmhqnet.checkpoints import (convert_uniphd, read_checkpoint,
                                     write_weights)

    # The release keeps its options beside the weights, in a plain object.
    allowing = getattr(torch.serialization, 'safe_globals', nullcontext)
    with allowing([argparse.Namespace]):
        source = read_checkpoint(args.src, weights_only=True)
    weights = convert_uniphd(source['state_dict'])
    write_weights(weights, args.dst)
    print(f'wrote {args.dst}')


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
