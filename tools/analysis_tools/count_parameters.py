"""Count the parameters of a model, part by part or task by task.

Prints a Markdown table. What is needed at inference is measured: the model
looks at an image, and the parameters that it reads are counted.

Example:
    python tools/analysis_tools/count_parameters.py \\
        configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py
"""
import argparse
import copy

from mmengine.config import DictAction

COLUMNS = ('all', 'without frozen BN', 'trainable', 'at inference')


def parse_args(argv=None):
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        description='Count the parameters of a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--by-task',
        action='store_true',
        help="count whole models: of the box alone, then with the config's "
        'tasks added one after the other')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. '
        'model.bbox_head.task_heads.age=None')
    parser.set_defaults(launcher='none', work_dir=None)
    return parser.parse_args(argv)


def build(model_cfg):
    """Build a model with all weights zero, which takes no time.

    Args:
        model_cfg (ConfigDict): Config of the model.

    Returns:
        HQNet: The model.
    """
    import torch

    from mmhqnet.registry import MODELS
    with torch.device('meta'):
        model = MODELS.build(model_cfg)
    model.to_empty(device='cpu')
    for tensor in model.state_dict().values():
        tensor.zero_()
    return model


def without_stride4(model_cfg):
    """Leave out the stride-4 map, which only dense tasks read.

    Args:
        model_cfg (ConfigDict): Config of a model without dense tasks.

    Returns:
        ConfigDict: The config, changed in place.
    """
    model_cfg.backbone.out_indices = model_cfg.backbone.out_indices[1:]
    model_cfg.neck.in_channels = model_cfg.neck.in_channels[1:]
    model_cfg.neck.num_outs -= 1
    return model_cfg


def read_at_inference(model):
    """Find the parameters that a prediction reads.

    Args:
        model (HQNet): The model.

    Returns:
        set[nn.Parameter]: The parameters.
    """
    import torch
    from mmdet.structures import DetDataSample
    from torch.overrides import TorchFunctionMode
    from torch.utils._pytree import tree_flatten

    class Recorder(TorchFunctionMode):
        read = set()

        def __torch_function__(self, function, types, args=(), kwargs=None):
            leaves, _ = tree_flatten((args, kwargs))
            self.read |= {
                leaf
                for leaf in leaves if isinstance(leaf, torch.nn.Parameter)
            }
            return function(*args, **(kwargs or {}))

    size = (256, 256)  # with more tokens than any model has queries
    sample = DetDataSample(
        metainfo=dict(
            img_shape=size,
            ori_shape=size,
            batch_input_shape=size,
            scale_factor=(1., 1.)))
    model.eval()
    with torch.no_grad(), Recorder() as recorder:
        model.predict(torch.zeros(1, 3, *size), [sample])
    return recorder.read


def count(model, part_of=lambda name: 'total'):
    """Count the parameters of each part of a model.

    Args:
        model (HQNet): The model.
        part_of (Callable[[str], str]): Part that a parameter belongs to.

    Returns:
        dict[str, list[int]]: For each part a number for each of
        ``COLUMNS``. A parameter that several layers share counts once.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    read = read_at_inference(model)
    frozen_bn = {
        parameter
        for module in model.modules() if isinstance(module, _BatchNorm)
        for parameter in module.parameters() if not parameter.requires_grad
    }
    counts = {}
    for name, parameter in model.named_parameters():
        row = counts.setdefault(part_of(name), [0] * len(COLUMNS))
        included = (True, parameter
                    not in frozen_bn, parameter.requires_grad, parameter
                    in read)
        for column, is_included in enumerate(included):
            row[column] += parameter.numel() * is_included
    return counts


def count_by_part(model_cfg):
    """Count the parts of a model; see :func:`count`.

    Args:
        model_cfg (ConfigDict): Config of the model.

    Returns:
        dict[str, list[int]]: Counts of each part, then of the whole.
    """

    def part_of(name):
        depth = 1
        if name.startswith('bbox_head.'):
            depth = 4 if '.task_heads.' in name else 2
        return f"`{'.'.join(name.split('.')[:depth])}`"

    counts = count(build(model_cfg), part_of)
    counts['**total**'] = [sum(column) for column in zip(*counts.values())]
    return counts


def count_by_task(model_cfg):
    """Count models with more and more tasks; see :func:`count`.

    Args:
        model_cfg (ConfigDict): Config of the model with all tasks.

    Returns:
        dict[str, list[int]]: Counts of each model.
    """
    heads = model_cfg.bbox_head.get('task_heads') or {}
    tasks = [name for name, head in heads.items() if head is not None]
    counts = {}
    for number in range(len(tasks) + 1):
        cfg = copy.deepcopy(model_cfg)
        cfg.bbox_head.task_heads = {
            name: heads[name]
            for name in tasks[:number]
        }
        model = build(cfg)
        if model.pixel_embedding is None:
            model = build(without_stride4(cfg))
        name = f'+ {tasks[number - 1]}' if number else 'box'
        counts[name] = count(model)['total']
    return counts


def table(counts, head):
    """Write counts as a Markdown table.

    Args:
        counts (dict[str, list[int]]): Rows.
        head (str): Title of the first column.

    Returns:
        str: The table.
    """
    rows = [[head, *COLUMNS], ['---', *['---:'] * len(COLUMNS)]]
    rows += [[name, *(f'{number:,}' for number in numbers)]
             for name, numbers in counts.items()]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def run(args):
    """Count as the options say.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If the config is at fault.
    """
    from mmengine.registry import init_default_scope

    import mmhqnet.models  # noqa: F401  registers the models
    from mmhqnet.utils.launch import as_input_errors, load_config
    cfg = load_config(args)
    init_default_scope('mmdet')
    with as_input_errors():
        if args.by_task:
            print(table(count_by_task(cfg.model), 'tasks'))
        else:
            print(table(count_by_part(cfg.model), 'part'))


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
