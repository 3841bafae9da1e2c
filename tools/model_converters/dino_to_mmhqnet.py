"""Make a DINO checkpoint of mmdet's model zoo a start for training HQNet.

Detection starts from DINO's weights; the stride-4 convolution of the neck,
the pixel embedding and the task heads from their usual initialisation. The
DINO must have four feature levels (4scale) and the backbone of the config.

Example:
    python tools/model_converters/dino_to_mmhqnet.py \\
        dino-4scale_r50_8xb2-12e_coco.pth dino_person.pth
    python tools/train.py \\
        configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py \\
        --cfg-options load_from=dino_person.pth
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
        description="Make a DINO checkpoint of mmdet's model zoo a start for "
        'training HQNet (load_from).')
    parser.add_argument('src', help='checkpoint file of a 4scale DINO')
    parser.add_argument('dst', help='checkpoint file to write')
    parser.add_argument(
        '--num-queries',
        type=int,
        default=300,
        help='queries to keep, as model.num_queries of the config (default: '
        '%(default)s)')
    parser.add_argument(
        '--person-index',
        type=int,
        default=0,
        help='label of the class person in the DINO (default: %(default)s, '
        'as in COCO)')
    return parser.parse_args(argv)


def run(args):
    """Convert as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If ``src`` is not a fitting DINO, or ``dst`` cannot be
            written.
    """
    from mmhqnet.checkpoints import (convert_dino, read_checkpoint,
                                     write_weights)
    source = read_checkpoint(args.src, weights_only=True)
    weights = convert_dino(source, args.num_queries, args.person_index)
    write_weights(weights, args.dst)
    print(f'wrote {args.dst}; train from it with --cfg-options '
          f'load_from={args.dst}')


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
