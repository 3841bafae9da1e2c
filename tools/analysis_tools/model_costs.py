"""Compare what models cost: parameters, and arithmetic of one image.

Prints a Markdown table with one row for each config. An image is looked at
once, with as many persons as are asked for.

Example:
    python tools/analysis_tools/model_costs.py \\
        configs/hqnet/hqnet-lite-*_coco-unihuman.py --size 640 640 --persons 20
"""
import argparse
from pathlib import Path

COLUMNS = ('config', 'parameters (M)', 'backbone (GMAC)', 'neck (GMAC)',
           'all (GMAC)')


def parse_args(argv=None):
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        description='Compare what models cost: parameters and arithmetic.')
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(640, 640),
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the image in pixels (default: 640 640)')
    parser.add_argument(
        '--persons',
        type=int,
        default=20,
        help='number of persons that are kept (default: %(default)s)')
    return parser.parse_args(argv)


def costs(cfg, size, persons=None):
    """Build a model with random weights and count.

    Args:
        cfg (ConfigDict): Config of a model that needs no prompt; changed.
        size (tuple[int, int]): (h, w) of the image.
        persons (int, optional): Number of persons that are kept; by default
            what the config says.

    Returns:
        tuple: Parameters, and multiply-accumulates of the backbone, of the
        neck, and of everything.
    """
    import torch
    from benchmarks.limits import count_macs
    from mmdet.structures import DetDataSample
    from mmengine.registry import init_default_scope

    import mmhqnet.models  # noqa: F401  registers the models
    from mmhqnet.registry import MODELS
    init_default_scope('mmdet')
    cfg.backbone.init_cfg = None  # counting needs no weights
    if persons is not None:
        cfg.test_cfg.max_per_img = persons
    model = MODELS.build(cfg).eval()
    sample = DetDataSample(
        metainfo=dict(
            img_shape=size,
            ori_shape=size,
            batch_input_shape=size,
            scale_factor=(1., 1.)))
    image = torch.zeros(1, 3, *size)
    with torch.no_grad():
        maps = model.backbone(image)
        backbone = count_macs(lambda: model.backbone(image))
        neck = count_macs(lambda: model.neck(maps))
        everything = count_macs(lambda: model.predict(image, [sample]))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return parameters, backbone, neck, everything


def run(args):
    """Print the table.

    Args:
        args (argparse.Namespace): The options.
    """
    from mmhqnet.files import read_config
    models = [read_config(path).model for path in args.configs]
    print(f'| {" | ".join(COLUMNS)} |')
    print(f'| --- |{" ---: |" * (len(COLUMNS) - 1)}')
    for config, model in zip(args.configs, models):
        parameters, *macs = costs(model, tuple(args.size), args.persons)
        numbers = [f'{parameters / 1e6:.1f}']
        numbers += [f'{number / 1e9:.1f}' for number in macs]
        print(f'| {Path(config).stem} | {" | ".join(numbers)} |', flush=True)


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
