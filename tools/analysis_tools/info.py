"""Say what a checkpoint or a config is.

Example:
    python tools/analysis_tools/info.py work_dirs/mine/epoch_100.pth
"""
import argparse
import json


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Say what a checkpoint or a config is: model, tasks, '
        'parameters, classes, where it came from.')
    parser.add_argument(
        'path',
        nargs='?',
        help='checkpoint (.pth) or config (.py) (default: the model that '
        'comes with mmhqnet)')
    parser.add_argument(
        '--json', action='store_true', help='print one JSON line')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='also count the arithmetic (GMAC) of an image of so many pixels')
    args = parser.parse_args(argv)
    if args.size and min(args.size) < 32:
        parser.error(f'--size {args.size[0]} {args.size[1]}: both sides must '
                     'have at least 32 pixels')
    return args


def describe(path, size=None):
    """What is to be said, by name.

    Args:
        path (str): Checkpoint or config.
        size (Sequence[int], optional): (h, w) of an image to count the
            arithmetic of.

    Raises:
        InputError: If the file is neither, or arithmetic is asked for and
            cannot be counted.
    """
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    import mmhqnet.models  # noqa: F401  registers the models
    from mmhqnet.checkpoints import (is_address, read_checkpoint,
                                     shipped_model, stored_config, weights_of)
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_config
    from mmhqnet.registry import MODELS
    from mmhqnet.utils.launch import as_input_errors

    init_default_scope('mmdet')
    path = path or shipped_model()
    facts, config = dict(file=path), None
    if path.endswith('.py') and not is_address(path):
        config = read_config(path)
    else:
        checkpoint = read_checkpoint(path)
        weights = weights_of(checkpoint)
        facts['weights'] = sum(weight.numel() for weight in weights.values())
        meta = checkpoint.get('meta', {})
        for name in ('time', 'epoch', 'iter', 'seed', 'mmengine_version',
                     'experiment_name'):
            if meta.get(name) is not None:
                facts[name] = meta[name]
        facts['can be resumed'] = 'optimizer' in checkpoint
        if 'dataset_meta' in meta:
            facts['classes'] = list(meta['dataset_meta'].get('classes', ()))
        facts.update(meta.get('about', {}))
        try:
            config = stored_config(checkpoint, path)
        except InputError as error:
            facts['config'] = str(error)
    if isinstance(config, Config):
        facts['model'] = config.model.type
        heads = config.model.get('bbox_head', {}).get('task_heads') or {}
        facts['tasks'] = ['box'] + [n for n, head in heads.items() if head]
        if 'backbone' in config.model:
            facts['backbone'] = config.model.backbone.type
        dataset = config.get('train_dataloader', {}).get('dataset', {})
        if 'ann_file' in dataset:
            facts['trained on'] = dataset.ann_file
        with as_input_errors():
            model = MODELS.build(config.model)
        facts['parameters'] = sum(p.numel() for p in model.parameters())
        if size:
            facts['GMAC'] = arithmetic(config.model, size)
            facts['of an image of'] = f'{size[0]} x {size[1]} pixels'
    elif size:
        raise InputError(f'{path} holds no config, which --size needs')
    return facts


def arithmetic(model, size):
    """Giga-multiply-accumulates of one prediction."""
    from model_costs import costs

    from mmhqnet.errors import InputError
    if 'neck' not in model or 'prompt_encoder' in model:
        raise InputError(f'--size: the arithmetic of a {model.type} cannot be '
                         'counted, only that of detectors without prompts')
    *_, everything = costs(model, tuple(size))
    return round(everything / 1e9, 2)


def run(args):
    """Print it."""
    facts = describe(args.path, args.size)
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        if isinstance(value, int) and not isinstance(value, bool):
            value = f'{value:,}'
        elif isinstance(value, list):
            value = ', '.join(map(str, value))
        print(f'{name:16}{value}')


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
