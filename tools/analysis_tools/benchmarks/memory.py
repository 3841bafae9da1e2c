"""B7: peak memory of a prediction and of a training step."""
import multiprocessing
import os
import resource
import sys
import warnings
from typing import Callable

import torch

from .measure import Options
from .report import Check, Row

PREDICT_SIZE = (800, 800)
TRAIN_SIZE = (512, 512)
NUM_PERSONS = 10


def row_b7(options: Options) -> Row:
    """Peaks of HQNet, DINO and the naive HQNet, each in its own process.

    Args:
        options (Options): How to measure.

    Returns:
        Row: Weights included, libraries not.
    """
    predict_size = options.pick(PREDICT_SIZE, (64, 96))
    train_size = options.pick(TRAIN_SIZE, (64, 96))
    checks = []
    for what, over, under, size, target in (
        ('predict: all tasks / DINO', 'hqnet', 'dino', predict_size, 1.25),
        ('predict: naive / ours', 'naive', 'hqnet', predict_size,
         None), (f'training step of {NUM_PERSONS} persons: all tasks / DINO',
                 'hqnet_step', 'dino_step', train_size,
                 1.4), ('training step: encoder.num_cp=6 / 0',
                        'checkpointing_step', 'hqnet_step', train_size, 0.95)):
        peaks = [measure_peak(side, size, options) for side in (over, under)]
        pixels = size[0] * size[1] // 16
        checks.append(
            Check(
                f'{what}, {size[0]}x{size[1]}',
                peaks[0] / peaks[1],
                limit=f'{pixels * 256 * 4 / 1e6:.0f} MB for each stride-4 map '
                'that the tasks add',
                at_most=target,
                sides=tuple(peak / 1e6 for peak in peaks),
                unit='MB'))
    return Row(checks)


def measure_peak(side: str, size: tuple, options: Options) -> int:
    """Peak memory of one side in a fresh process.

    Args:
        side (str): 'hqnet', 'part_queries', 'naive', 'checkpointing' or
            'dino', with '_step' for a training step.
        size (tuple[int, int]): Height and width of the image.
        options (Options): How to measure.

    Returns:
        int: Bytes above those of the imported libraries.
    """
    context = multiprocessing.get_context('spawn')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_send_peak, args=(sender, side, size, options))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f'measuring the memory of {side} failed; see '
                           'above') from None
    finally:
        process.join()


def _send_peak(sender, side: str, size: tuple, options: Options) -> None:
    options.apply()
    warnings.simplefilter('ignore')
    # Everything is imported before the memory is measured.
    from . import naive, peers, prediction, training

    def run():
        build = dict(
            dino=peers.build_dino, part_queries=peers.build_part_queries).get(
                side.removesuffix('_step'), peers.build_hqnet)
        model = build(options)
        if side == 'naive':
            model = naive.make_naive(model)
        if side == 'checkpointing_step':
            for layer in model.encoder.layers:
                layer.checkpointing = True
        if side.endswith('_step'):
            step = training.train_step(model,
                                       training.make_data(NUM_PERSONS, size),
                                       options)
        else:
            step = prediction.predictor(model, size, options)
        step()
        step()  # now the optimiser has its state

    sender.send(_peak_of(run, options.device))


def _peak_of(run: Callable[[], None], device: str) -> int:
    """Peak memory while something runs, less what is taken before."""
    if device == 'cuda':
        run()
        return torch.cuda.max_memory_allocated()
    before = _status('VmRSS')
    try:
        with open('/proc/self/clear_refs', 'w') as file:
            file.write('5')  # resets the peak
        run()
        return _status('VmHWM') - before
    except OSError:
        run()
        unit = 1 if sys.platform == 'darwin' else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return peak - before


def _status(field: str) -> int:
    """A line of Linux's /proc/self/status in bytes; 0 if there is none."""
    if not os.path.exists('/proc/self/status'):
        return 0
    with open('/proc/self/status') as file:
        line, = (line for line in file if line.startswith(f'{field}:'))
    return int(line.split()[1]) * 1024
