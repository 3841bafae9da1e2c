"""The rows of the benchmark suite, a small file for each group of them.

Every row compares HQNet with a peer in one process: the two sides take turns,
and what is reported is a ratio, its target, and the limit that arithmetic or
memory sets to it.
"""
from importlib import import_module

ROWS = {
    'B1': ('prediction', 'all tasks against DINO, predict'),
    'B2': ('prediction', 'a naive formulation against ours, equal outputs'),
    'B3': ('crowd', 'many persons in the image, and the cascade'),
    'B4': ('training', 'matching and losses in a training step'),
    'B5': ('evaluation', 'a fast evaluation backend against pycocotools'),
    'B6': ('loading', "the data pipeline against mmdet's"),
    'B7': ('memory', 'peak memory against DINO'),
    'B8': ('attention', "deformable attention against mmcv's fallback"),
    'B9': ('startup', 'import time and --help'),
    'B10': ('optimizer', "parameter groups against mmengine's"),
    'B11': ('training', 'a training step against DINO'),
    'B12': ('compiling', 'torch.compile of backbone and encoder'),
    'B13': ('refinement', 'part queries against the refinement decoder'),
    'B14': ('precision', 'bfloat16 against float32, predict'),
    'B15': ('toys', "the toy form of Lite-s against the demo's model"),
}


def measure_row(name, options):
    """Measure one row.

    Args:
        name (str): Such as 'B1'.
        options (Options): How to measure.

    Returns:
        Row: Its checks.
    """
    # A row loads only what it needs: OpenMMLab takes seconds. Peers import
    # mmcv's operators, which mmhqnet may have to stand in for.
    import mmhqnet  # noqa: F401
    module = import_module(f'{__name__}.{ROWS[name][0]}')
    return getattr(module, f'row_{name.lower()}')(options)
