"""Predict a photo with models of full size: seconds and memory.

Weights are random, which costs the same as trained ones. The photo is sized as
in the config's test pipeline. Each config has a Python of its own, whose peak
memory is reported. Seconds are those of the processor, summed over its cores,
as other programs may run beside it.

Example:
    python tools/analysis_tools/full_size.py photo.jpg \\
        configs/hqnet/hqnet_swin-l_16xb1-100e_coco-unihuman.py \\
        configs/hqnet/hqnet_vit-l_16xb1-100e_coco-unihuman.py
"""
import argparse
import multiprocessing
import resource
import time
from pathlib import Path


def parse_args(argv=None):
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        description='Predict a photo: seconds and memory of large models.')
    parser.add_argument('photo', help='image file')
    parser.add_argument('configs', nargs='+', help='config files')
    return parser.parse_args(argv)


def measure(photo, config):
    """Build a model and predict the photo once.

    Args:
        photo (str): Image file.
        config (str): Config file.

    Returns:
        tuple: Network input (h, w), number of persons, processor seconds of
        the prediction, peak memory of this process in GB.
    """
    import mmhqnet  # noqa: F401  isort: skip  before mmdet
    import torch
    from mmdet.apis import inference_detector
    from mmengine.registry import init_default_scope

    from mmhqnet.files import read_config
    from mmhqnet.registry import MODELS
    cfg = read_config(config)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    model.cfg = cfg
    begin = time.process_time()
    result = inference_detector(model, photo)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return result.img_shape, len(result.pred_instances), seconds, peak


def run(args):
    """Print a table.

    Args:
        args (argparse.Namespace): The options.
    """
    from mmhqnet.errors import missing_file
    from mmhqnet.files import read_config
    if not Path(args.photo).is_file():
        raise missing_file('photo', args.photo)
    for path in args.configs:  # before any of them takes its time
        read_config(path)
    print('| config | input | persons | CPU seconds | memory (GB) |')
    print('|---|---|---:|---:|---:|')
    context = multiprocessing.get_context('spawn')
    for config in args.configs:
        with context.Pool(1) as pool:
            size, persons, seconds, peak = pool.apply(measure,
                                                      (args.photo, config))
        print(
            f'| {Path(config).stem} | {" x ".join(map(str, size))} | '
            f'{persons} | {seconds:.1f} | {peak:.1f} |',
            flush=True)


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
