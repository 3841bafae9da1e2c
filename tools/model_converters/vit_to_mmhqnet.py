"""Make a pretrained plain transformer the start of HQNet with ViT.

Example:
    python tools/model_converters/vit_to_mmhqnet.py \
        mae_pretrain_vit_large.pth checkpoints/vit-l_mae.pth

Takes the layouts of MAE, HumanBench and ViTDet. The result is for
``load_from``: the neck, the transformer and the heads keep their initial
weights.
"""
import argparse


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Make a pretrained plain transformer the start of HQNet.')
    parser.add_argument('src', help='checkpoint of the transformer')
    parser.add_argument('dst', help='checkpoint to write')
    parser.add_argument(
        '--img-size',
        type=int,
        default=1024,
        help='img_size of the PlainViT (default: %(default)s)')
    parser.add_argument(
        '--window-size',
        type=int,
        default=14,
        help='window_size of the PlainViT (default: %(default)s)')
    return parser.parse_args(argv)


def convert(args):
    from mmhqnet.checkpoints import convert_vit, read_checkpoint, write_weights
    weights = convert_vit(
        read_checkpoint(args.src, weights_only=True),
        img_size=args.img_size,
        window_size=args.window_size)
    write_weights(weights, args.dst)
    print(f'{args.dst}: {len(weights)} weights')


def main(argv=None):
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(convert)(args)


if __name__ == '__main__':
    main()
