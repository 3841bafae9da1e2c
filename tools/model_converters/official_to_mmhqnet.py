"""Convert the checkpoint that the authors of HQNet released.

The result gives the same numbers, and is for testing or fine-tuning with
configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py. The mesh heads of the
release are left out.

Example:
    python tools/model_converters/official_to_mmhqnet.py \\
        official.pth checkpoints/hqnet_r50.pth
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
        description='Convert the checkpoint that the authors of HQNet '
        'released. The mesh heads are left out.')
    parser.add_argument('src', help="checkpoint file of the authors' release")
    parser.add_argument('dst', help='checkpoint file to write')
    return parser.parse_args(argv)


def run(args):
    """Convert as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If ``src`` is not the released checkpoint, or ``dst``
            cannot be written.
    """
    from mmhqnet.checkpoints import (convert_official, read_checkpoint,
                                     write_weights)
    source = read_checkpoint(args.src, weights_only=True)
    write_weights(convert_official(source), args.dst)
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
