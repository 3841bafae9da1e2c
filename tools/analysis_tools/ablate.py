"""Train a list of configs over several seeds and compare them.

Example:
    python tools/dataset_converters/make_toy_unihuman.py data/toy_unihuman
    python tools/analysis_tools/ablate.py table7 --seeds 0 1 2
    python tools/analysis_tools/ablate.py tableA4 --seeds 0 1 2 --jobs 2
    python tools/analysis_tools/ablate.py coco-person --seeds 0 \\
        --cfg-options model.backbone.init_cfg.checkpoint=mobilenet_v2.pth

A finished run is not repeated: call again after a stop, with more seeds or for
another list. Own lists: a JSON file of {"name of the row": "config.py"}.
"""
import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FULL = 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
TOY = 'configs/ablations/hqnet_toy_r18-{}_1xb4_toy-unihuman.py'
PARTS = 'configs/querypose/hqnet_toy_r18-part-queries_1xb4_toy-unihuman.py'
TRANSFER = 'configs/transfer/hqnet_toy_r18-from-{}_1xb4_toy-crowdpose.py'
PHOTOS = 'configs/{}/hqnet-lite-s_mobilenetv2{}_1xb4-40e_coco-person.py'
LISTS = {
    'table7': {
        'box': TOY.format('box'),
        '+ mask': TOY.format('box-mask'),
        '+ pose': TOY.format('box-mask-pose'),
        '+ gender, age': FULL
    },
    'tableA4': {
        'box': TOY.format('match-box'),
        '+ pose': TOY.format('match-box-pose'),
        '+ mask': FULL
    },
    'coco-person': {
        'box': PHOTOS.format('ablations', '-box'),
        'box, pose': PHOTOS.format('ablations', '-box-pose'),
        'box, mask, pose': PHOTOS.format('hqnet', ''),
        'the same, matched by box': PHOTOS.format('ablations', '-match-box')
    },
    'queries': {
        '12': TOY.format('q12'),
        '30': FULL,
        '60': TOY.format('q60')
    },
    'branches': {
        'one per layer': FULL,
        'shared': TOY.format('shared')
    },
    'refinement': {
        'none': TOY.format('no-refine'),
        'decoder': FULL,
        'part queries': PARTS
    },
    'denoising': {
        'none but one group': TOY.format('no-denoising'),
        'as DINO': FULL
    },
    'transfer': {
        'from nothing, a tenth of the steps': TRANSFER.format('nothing-tenth'),
        'from HQNet, a tenth of the steps': TRANSFER.format('hqnet-tenth'),
        'from nothing, all steps': TRANSFER.format('nothing')
    }
}
METRICS = {
    'box AP': 'box_AP',
    'mask AP': 'mask_AP',
    'pose AP': 'pose_AP',
    'pose AP75': 'pose_AP_75',
    'gender AP': 'gender_AP',
    'age AP': 'age_AP',
    'garment AP': 'garment_AP'
}
# HQNet R-50 on COCO-UniHuman val (Table 2), the last row of both tables.
PAPER = {
    'box AP': .749,
    'mask AP': .658,
    'pose AP': .693,
    'gender AP': .560,
    'age AP': .538
}
OF_PAPER = ('table7', 'tableA4')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Train a list of configs over several seeds.')
    parser.add_argument(
        'list', help=f'one of {", ".join(LISTS)}, or a JSON file')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/ablations'))
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='trainings at a time, of one thread each (default: %(default)s)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='handed to every training')
    return parser.parse_args(argv)


def read_list(name):
    """Configs by row, from a built-in list or a JSON file.

    Raises:
        InputError: If it is neither, or names a config that does not exist.
    """
    from mmhqnet.errors import InputError
    if name in LISTS:
        rows = LISTS[name]
    elif Path(name).is_file():
        try:
            rows = json.loads(Path(name).read_text())
        except ValueError as error:
            raise InputError(f'{name} is not JSON ({error})') from error
        if not isinstance(rows, dict):
            raise InputError(f'{name} must hold {{"row": "config.py", ...}}')
    else:
        raise InputError(f'unknown list {name!r}: choose one of '
                         f'{", ".join(LISTS)}, or name a JSON file')
    found = {}
    for row, config in rows.items():
        paths = [
            path for path in (Path(config), ROOT / config) if path.is_file()
        ]
        if not paths:
            raise InputError(f'{name}, row {row!r}: config {config} does not '
                             'exist')
        found[row] = paths[0]
        check_tasks(f'{name}, row {row!r}', paths[0])
    return found


def check_tasks(where, path):
    """Look at the tasks of a config before hours of training.

    Raises:
        InputError: If it has a task or a metric that nobody knows.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.evaluation.functional.tasks import metrics_of
    from mmhqnet.files import read_config
    from mmhqnet.registry import MODELS
    from mmhqnet.structures.person_fields import resolve_fields
    cfg = read_config(path)
    heads = cfg.model.get('bbox_head', {}).get('task_heads') or {}
    for task, head in heads.items():
        if head is not None and MODELS.get(head.get('type', '')) is None:
            raise InputError(
                f'{where}: {path.name} has an unknown task in '
                f'model.bbox_head.task_heads.{task}: {head.get("type")}')
    known = metrics_of(
        resolve_fields(cfg.val_dataloader.dataset.get('person_fields')))
    metrics = cfg.val_evaluator.get('metric', known)
    for metric in [metrics] if isinstance(metrics, str) else metrics:
        if metric not in known:
            raise InputError(f'{where}: {path.name} has an unknown task in '
                             f'val_evaluator.metric: {metric!r}; known are '
                             f'{", ".join(known)}')


def check_options(work_dir, cfg_options):
    """Keep trainings with other options out of the comparison.

    Raises:
        InputError: If the work dir has runs with other options.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_json, write_json
    file = work_dir / 'cfg_options.json'
    if not file.is_file():
        work_dir.mkdir(parents=True, exist_ok=True)
        write_json(file, cfg_options)
    elif (known := read_json(file)) != cfg_options:
        raise InputError(f'{work_dir} has runs with other --cfg-options '
                         f'({" ".join(known) or "none"}): give the same, or '
                         'name another --work-dir')


def train(config, seed, folder, cfg_options):
    """Train one config with one seed, unless that is done.

    Returns:
        dict[str, float]: Its last scores, without ``unihuman/``.

    Raises:
        InputError: If the training fails; names its log.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.files import write_json
    result = folder / f'{config.stem}_seed{seed}.json'
    if result.is_file():
        return json.loads(result.read_text())
    work_dir = folder / f'{config.stem}_seed{seed}'
    work_dir.mkdir(parents=True, exist_ok=True)
    log = work_dir / 'output.txt'
    command = [
        sys.executable,
        str(ROOT / 'tools/train.py'),
        str(config), '--work-dir',
        str(work_dir), '--resume', '--cfg-options', f'randomness.seed={seed}',
        *cfg_options
    ]
    with open(log, 'a') as file:
        status = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT).returncode
    scores = last_scores(work_dir)
    if status or not scores:
        raise InputError(f'{config.stem} with seed {seed} failed; its last '
                         f'words are in {log}')
    write_json(result, scores)
    return scores


def last_scores(work_dir):
    """Scores of the newest evaluation in a work dir, {} if there is none."""
    scores = {}
    for file in sorted(work_dir.glob('*/vis_data/*.json')):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            found = {
                name.removeprefix('unihuman/'): value
                for name, value in entry.items()
                if name.startswith('unihuman/')
            }
            scores = found or scores
    return scores


def summarise(scores):
    """Mean and standard deviation over the seeds.

    Args:
        scores (list[dict[str, float]]): Scores of each seed.

    Returns:
        dict[str, tuple[float, float]]: Of each metric that all seeds have;
        the deviation of one seed is 0.
    """
    import numpy as np
    summary = {}
    for metric, name in METRICS.items():
        values = [run.get(name) for run in scores]
        if None not in values:
            spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
            summary[metric] = float(np.mean(values)), float(spread)
    return summary


def shown_metrics(rows):
    """The metrics that any row has, in their order."""
    return [
        metric for metric in METRICS
        if any(metric in summary for summary in rows.values())
    ]


def table(rows, paper):
    """A Markdown table of summaries by row, and the paper's figures if any."""
    metrics = shown_metrics(rows)
    lines = [
        '| | ' + ' | '.join(metrics) + ' |', '|---|' + '---:|' * len(metrics)
    ]
    for name, summary in rows.items():
        cells = [
            f'{100 * summary[metric][0]:.1f} ± {100 * summary[metric][1]:.1f}'
            if metric in summary else '' for metric in metrics
        ]
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    if paper:
        cells = [
            f'{100 * paper[metric]:.1f}' if metric in paper else ''
            for metric in metrics
        ]
        lines.append('| **paper**, R-50, all tasks | ' + ' | '.join(cells) +
                     ' |')
    return '\n'.join(lines)


def draw(rows, path):
    """Draw the means of each metric with their spreads."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    figure, axes = plt.subplots(figsize=(7, 3.5))
    metrics, width = shown_metrics(rows), 0.8 / len(rows)
    for number, (name, summary) in enumerate(rows.items()):
        places = [
            metrics.index(metric) + (number - (len(rows) - 1) / 2) * width
            for metric in summary
        ]
        means, spreads = zip(*summary.values())
        axes.bar(places, means, width, yerr=spreads, label=name, capsize=2)
    axes.set_xticks(range(len(metrics)), metrics)
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=110, bbox_inches='tight')


def ablate(args):
    """Run what is missing, and compare.

    Raises:
        InputError: If the list or a training is at fault; what is finished
            is kept.
    """
    configs = read_list(args.list)
    check_options(args.work_dir, args.cfg_options)
    runs = [(row, seed) for seed in args.seeds for row in configs]
    with ThreadPoolExecutor(args.jobs) as pool:
        futures = [
            pool.submit(train, configs[row], seed, args.work_dir,
                        args.cfg_options) for row, seed in runs
        ]
        scores = {row: [] for row in configs}
        try:
            for (row, seed), future in zip(runs, futures):
                scores[row].append(future.result())
                print(
                    f'{row}, seed {seed}: ' +
                    ', '.join(f'{metric} {scores[row][-1][name]:.3f}'
                              for metric, name in METRICS.items()
                              if name in scores[row][-1]),
                    flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    rows = {row: summarise(runs) for row, runs in scores.items()}
    text = table(rows, PAPER if args.list in OF_PAPER else {})
    print(text)
    folder = args.work_dir / Path(args.list).stem
    folder.mkdir(exist_ok=True)
    (folder / 'table.md').write_text(text + '\n')
    draw(rows, folder / 'table.png')


def main(argv=None):
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(ablate)(args)


if __name__ == '__main__':
    main()
