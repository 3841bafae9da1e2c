"""Make torchvision's MobileNetV2 the backbone that a training starts from.

Example:
    python tools/model_converters/mobilenetv2_to_mmdet.py \\
        mobilenet_v2-b0353104.pth mobilenet_v2.pth
    python tools/train.py \\
        configs/hqnet/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py \\
        --cfg-options model.backbone.init_cfg.checkpoint=mobilenet_v2.pth
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
        description="Give torchvision's MobileNetV2 the names of mmdet's "
        '(model.backbone.init_cfg.checkpoint).')
    parser.add_argument('src', help="checkpoint file of torchvision's model")
    parser.add_argument('dst', help='checkpoint file to write')
    return parser.parse_args(argv)


def run(args):
    """Convert as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If ``src`` is no MobileNetV2, or ``dst`` cannot be
            written.
    """
    from mmhqnet.checkpoints import (convert_mobilenetv2, read_checkpoint,
                                     write_weights)
    weights = convert_mobilenetv2(read_checkpoint(args.src, weights_only=True))
    write_weights(weights, args.dst)
    print(f'wrote {args.dst}; train from it with --cfg-options '
          f'model.backbone.init_cfg.checkpoint={args.dst}')


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
