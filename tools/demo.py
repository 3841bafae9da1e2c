"""Show all of HQNet at once: photos, toy data, training, scores, pictures.

Example:
    python tools/demo.py --out-dir work_dirs/demo

Every stage runs the tools as anybody would; their commands are shown. The
out dir then holds real photos with what the model that comes along finds
(``photos.jpg``), the data (``data``), the training log, config, checkpoint
and pictures on the way (``train``), pictures and predictions at the end
(``pictures``), all that was printed (``logs``) and ``summary.json``.
"""
import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'configs/hqnet/hqnet_demo_r18_1xb4_toy-unihuman.py'
TRUTH_PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadHumanAnnotations'),
    dict(type='PackHumanInputs')
]
CROWDED = 0.5  # of the training images: they teach more
TASKS = ('box', 'mask', 'pose', 'gender', 'age')
ENVIRONMENT = dict(
    # On small images a second thread saves a quarter of the time; further
    # ones wait for each other, and two processes with half a batch each save
    # nothing.
    OMP_NUM_THREADS=str(min(2, os.cpu_count())),
    # Memory is kept for the next step: zeroing new pages would take time.
    MALLOC_MMAP_THRESHOLD_=str(2**30),
    MALLOC_TRIM_THRESHOLD_=str(2**30),
    MALLOC_TOP_PAD_=str(2**26))


def parse_args(argv=None):
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        description='Draw toy data, train a small HQNet on them, evaluate all '
        'tasks on held-out images and draw what it finds in some of them.')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument(
        '--num-train',
        type=int,
        help='training images (default: that of make_toy_unihuman.py)')
    parser.add_argument(
        '--num-val',
        type=int,
        help='held-out images (default: that of make_toy_unihuman.py)')
    parser.add_argument(
        '--num-pictures',
        type=int,
        default=6,
        help='held-out images to draw (default: %(default)s)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='changes of the config, as for tools/train.py')
    return parser.parse_args(argv)


def run_tool(log, script, *arguments, quiet=False):
    """Run one of the tools; its output goes to the screen and to a file.

    Args:
        log (Path): File to append the output to.
        script (str): Path of the tool, from the folder of the tools.
        *arguments: Its arguments.
        quiet (bool): Show only what it writes to the standard error.

    Raises:
        RuntimeError: If it fails; with the line of its output that says why.
    """
    command = [os.path.relpath(ROOT / 'tools' / script), *map(str, arguments)]
    print(f'$ {shlex.join(["python", *command])}', flush=True)
    environment = {**ENVIRONMENT, **os.environ}
    if quiet:
        environment['PYTHONWARNINGS'] = 'ignore'
    with log.open('ab') as file:
        process = subprocess.Popen(
            [sys.executable, '-u', *command],
            stdout=file if quiet else subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else subprocess.STDOUT,
            env=environment)
        shown = process.stderr if quiet else process.stdout
        try:
            # Not line by line: progress bars end in no newline.
            while chunk := shown.read1():
                for stream in (sys.stdout.buffer, file):
                    stream.write(chunk)
                    stream.flush()
            status = process.wait()
        finally:
            process.terminate()
            process.wait()
    if status:
        raise RuntimeError(reason_of_failure(log.read_text(), status))


def reason_of_failure(output, status):
    """The line of a tool's output that says best why it failed.

    Args:
        output (str): All that it printed.
        status (int): Its exit status, negative for a signal.

    Returns:
        str: One line.
    """
    if status < 0:
        return f'killed by signal {-status}'
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in reversed(lines):
        if re.match(r'(error|[\w.]*(Error|Exception)): ', line):
            return line.removeprefix('error: ')
    return lines[-1] if lines else f'exit status {status}'


def show_photos(args, log):
    """Show what the model that comes along finds in 13 real photos.

    Returns:
        str: Path of the picture; None if this checkout has no such model.
    """
    if not any((ROOT / 'mmhqnet/weights').glob('*.pth')):
        print('left out: no model came along with this checkout')
        return None
    photos = ROOT / 'tests/data/coco_ccby'
    sheet = args.out_dir / 'photos.jpg'
    run_tool(log, 'photo_sheet.py', os.path.relpath(photos / 'images'),
             '--out', sheet, '--attribution',
             os.path.relpath(photos / 'ATTRIBUTION.tsv'))
    return str(sheet)


def make_data(args, log):
    """Draw the toy data set."""
    options = ['--crowded', CROWDED]
    for name in ('num_train', 'num_val'):
        if getattr(args, name) is not None:
            options += [f'--{name.replace("_", "-")}', getattr(args, name)]
    run_tool(log, 'dataset_converters/make_toy_unihuman.py',
             args.out_dir / 'data', *options)


def train(args, log):
    """Train, and score all tasks on held-out images now and then.

    Leaves log, full config, checkpoint and pictures in ``train``.

    Returns:
        dict: AP by task, at the end.
    """
    work_dir = args.out_dir / 'train'
    # The options take all that follows, so they come before another option.
    run_tool(
        log,
        'train.py',
        os.path.relpath(CONFIG),
        '--cfg-options',
        *data_options(args.out_dir / 'data'),
        *args.cfg_options,
        '--work-dir',
        work_dir,
        quiet=True)
    newest = max(work_dir.glob('*/vis_data/scalars.json'))  # named by time
    scores = [json.loads(line) for line in newest.read_text().splitlines()]
    keys = {task: f'unihuman/{task}_AP' for task in TASKS}
    last = scores[-1] if scores else {}
    missing = [key for key in keys.values() if key not in last]
    if missing:
        raise RuntimeError(f'no {", ".join(missing)} in {newest}; were tasks '
                           'switched off with --cfg-options?')
    return {task: last[key] for task, key in keys.items()}


def data_options(data_root):
    """Config options that make the toy config read another folder."""
    from mmengine.config import Config
    config = Config.fromfile(CONFIG)
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        yield f'{split}_dataloader.dataset.data_root={data_root}/'
        if split != 'train':
            ann_file = os.path.relpath(config[f'{split}_evaluator'].ann_file,
                                       dataset.data_root)
            yield f'{split}_evaluator.ann_file={data_root / ann_file}'


def trained_model(out_dir):
    """Config and checkpoint that the training left.

    Args:
        out_dir (Path): Folder of the demo.

    Returns:
        tuple[Path, Path]: Config file and checkpoint file.
    """
    work_dir = out_dir / 'train'
    checkpoint = Path((work_dir / 'last_checkpoint').read_text().strip())
    return work_dir / CONFIG.name, work_dir / checkpoint.name


def draw_pictures(args, log):
    """Run the model on some held-out images as on any photos.

    Returns:
        str: Path of a picture that shows them all beside the ground truth.
    """
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from mmhqnet.registry import DATASETS, VISUALIZERS
    init_default_scope('mmhqnet')
    config_file, checkpoint = trained_model(args.out_dir)
    config = Config.fromfile(config_file)
    held_out = DATASETS.build(
        dict(config.test_dataloader.dataset, pipeline=TRUTH_PIPELINE))
    count = min(args.num_pictures, len(held_out))
    samples = [held_out[i]['data_samples'] for i in range(count)]
    folder = args.out_dir / 'pictures'
    run_tool(log, 'image_demo.py', *[s.img_path for s in samples], '--config',
             config_file, '--checkpoint', checkpoint, '--out-dir', folder)
    overview = folder / 'overview.jpg'
    visualizer = VISUALIZERS.build(dict(config.visualizer, vis_backends=None))
    visualizer.dataset_meta = held_out.metainfo
    draw_overview(samples, visualizer, folder / 'vis', overview)
    return str(overview)


def draw_overview(samples, visualizer, predictions, out_file):
    """Put the pictures of the predictions beside the ground truth.

    Args:
        samples (list[DetDataSample]): With ``gt_instances`` and ``img_path``.
        visualizer (HumanLocalVisualizer): Draws the ground truth.
        predictions (Path): Folder of the pictures of the predictions.
        out_file (Path): The picture to write.
    """
    import mmcv
    import numpy as np

    pairs = []
    for sample in samples:
        name = os.path.basename(sample.img_path)
        photo = mmcv.imread(sample.img_path, channel_order='rgb')
        visualizer.add_datasample(name, photo, sample, draw_pred=False)
        truth = visualizer.get_image()[..., ::-1]
        pair = np.hstack([truth, mmcv.imread(predictions / name)])
        pairs.append(mmcv.impad(pair, padding=6, pad_val=(255, 255, 255)))
    if len(pairs) % 2:
        pairs.append(np.full_like(pairs[0], 255))
    rows = [np.hstack(pairs[i:i + 2]) for i in range(0, len(pairs), 2)]
    mmcv.imwrite(np.vstack(rows), str(out_file))


STAGES = dict(
    photos=show_photos, data=make_data, train=train, pictures=draw_pictures)


def run(args):
    """Run all stages, then write and show the summary.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        RuntimeError: If a stage fails, in one line.
    """
    logs = args.out_dir / 'logs'
    logs.mkdir(parents=True, exist_ok=True)
    summary = args.out_dir / 'summary.json'
    summary.unlink(missing_ok=True)  # no old scores beside a new failure
    results, seconds = {}, {}
    for number, (name, stage) in enumerate(STAGES.items(), 1):
        rule, what = '=' * 79, stage.__doc__.splitlines()[0]
        print(
            f'\n{rule}\n{number}/{len(STAGES)} {name}: {what}\n{rule}',
            flush=True)
        log = logs / f'{number}_{name}.log'
        log.write_text('')
        start = time.perf_counter()
        try:
            results[name] = stage(args, log)
        except Exception as error:
            with log.open('a') as file:
                traceback.print_exc(file=file)
            reason = ' '.join(str(error).split())
            if not isinstance(error, RuntimeError):
                reason = f'{type(error).__name__}: {reason}'
            raise RuntimeError(f'stage "{name}" failed: {reason}; all of its '
                               f'output is in {log}') from error
        seconds[name] = time.perf_counter() - start

    from mmhqnet.files import write_json
    ap = results['train']
    write_json(
        summary,
        dict(
            ap=ap,
            seconds=sum(seconds.values()),
            stage_seconds=seconds,
            pictures=results['pictures']))
    print(summary_table(ap, seconds))
    print(f'pictures  {results["pictures"]}\nsummary   {summary}')


def summary_table(ap, seconds):
    """Scores and times as text.

    Args:
        ap (dict): AP by task.
        seconds (dict): Seconds by stage.

    Returns:
        str: The table.
    """
    rule = '-' * 18
    return '\n'.join([
        '', f'{"task":<10}{"AP":>8}', rule, *(f'{task:<10}{value:>8.3f}'
                                              for task, value in ap.items()),
        '', f'{"stage":<10}{"seconds":>8}', rule,
        *(f'{stage:<10}{value:>8.1f}' for stage, value in seconds.items()),
        f'{"total":<10}{sum(seconds.values()):>8.1f}', ''
    ])


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    try:
        run(args)
    except (RuntimeError, OSError) as error:
        sys.exit(f'error: {error}')
    except KeyboardInterrupt:
        sys.exit('interrupted')


if __name__ == '__main__':
    main()
