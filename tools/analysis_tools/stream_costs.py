"""Stream a long video: is memory flat, and does the model wait?

Frames of drawn people go through ``HQNetInferencer.stream``. After each
hundredth of them, the bare model looks at as many frames that are ready as
tensors, with the same threshold for persons.

Example:
    python tools/analysis_tools/stream_costs.py \\
        configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py --frames 2000
"""
import argparse
import itertools
import json
import os
import sys
import time

WARM_UP = 0.05  # share of the frames before memory and time count


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Memory of a long stream, and its speed as a share of '
        "the bare model's.")
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--checkpoint', help='checkpoint file (default: random weights)')
    parser.add_argument(
        '--frames',
        type=int,
        default=2000,
        metavar='N',
        help='length of the video (default: %(default)s)')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(128, 128),
        metavar=('HEIGHT', 'WIDTH'),
        help='of the frames in pixels (default: 128 128)')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='persons that score less are left out (default: %(default)s)')
    parser.add_argument(
        '--threads',
        type=int,
        default=1,
        metavar='N',
        help='threads of the model on the CPU (default: %(default)s)')
    parser.add_argument('--device', default='cpu', help='default: %(default)s')
    parser.add_argument(
        '--json', action='store_true', help='print one JSON line')
    return parser.parse_args(argv)


def resident_memory():
    """Of this process, in MB."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6


def build(args, folder):
    """The inferencer; without a checkpoint, of random weights."""
    import torch
    from mmengine.registry import init_default_scope

    from mmhqnet.apis import HQNetInferencer
    from mmhqnet.files import read_config
    from mmhqnet.registry import MODELS
    checkpoint = args.checkpoint
    if checkpoint is None:
        config = read_config(args.config)
        init_default_scope(config.get('default_scope', 'mmdet'))
        torch.manual_seed(0)
        model = MODELS.build(config.model)
        model.init_weights()
        checkpoint = os.path.join(folder, 'random.pth')
        torch.save(dict(state_dict=model.state_dict()), checkpoint)
    return HQNetInferencer(
        args.config, checkpoint, args.device, show_progress=False)


def measure(inferencer, frames, count, score_thr):
    """Take turns between stream and model.

    Args:
        inferencer: With the model.
        frames: Images (H, W, 3) BGR, shown again and again.
        count: Length of the stream.
        score_thr: For both sides.

    Returns: The facts, by name: seconds per frame, megabytes.
    """
    import torch

    from mmhqnet.apis.model_options import kept_persons_only
    ready = [
        inferencer.collate_fn(
            [inferencer.pipeline(dict(img=frame, img_path='frame.jpg'))])
        for frame in frames
    ]
    turn = max(1, count // 100)
    stream = inferencer.stream(
        itertools.islice(itertools.cycle(frames), count), score_thr=score_thr)
    seconds, memory, persons = dict(stream=[], model=[]), [], 0
    for first in range(0, count, turn):
        length = min(turn, count - first)
        begin = time.perf_counter()
        for found in itertools.islice(stream, length):
            persons += len(found)
        seconds['stream'].append((time.perf_counter() - begin) / length)
        memory.append(resident_memory())
        begin = time.perf_counter()
        with torch.no_grad(), kept_persons_only(inferencer.model, score_thr,
                                                False):
            for index in range(first, first + length):
                inferencer.model.test_step(ready[index % len(ready)])
        seconds['model'].append((time.perf_counter() - begin) / length)
    assert next(stream, None) is None
    skipped = int(WARM_UP * len(memory))
    # A turn of the one against the next turn of the other: whatever else
    # the machine does meets both.
    ratios = [
        model / streamed
        for model, streamed in zip(*(seconds[side][skipped:]
                                     for side in ('model', 'stream')))
    ]
    median = {side: _median(times[skipped:]) for side, times in
              seconds.items()}  # yapf: disable
    memory = memory[skipped:]
    return dict(
        frames=count,
        persons_per_frame=round(persons / count, 2),
        stream_ms=round(1e3 * median['stream'], 2),
        model_ms=round(1e3 * median['model'], 2),
        speed_of_the_model=round(_median(ratios), 3),
        memory_begin=round(memory[0], 1),
        memory_min=round(min(memory), 1),
        memory_max=round(max(memory), 1),
        memory_end=round(memory[-1], 1))


def _median(values):
    return sorted(values)[len(values) // 2]


def run(args):
    """Measure and print."""
    import tempfile

    import numpy as np
    import torch

    from mmhqnet.errors import InputError
    from mmhqnet.toy.clip import draw_clip
    for option in ('frames', 'threads'):
        if vars(args)[option] < 1:
            raise InputError(
                f'--{option} {vars(args)[option]}: must be 1 or more')
    torch.set_num_threads(args.threads)
    clip = draw_clip(np.random.default_rng(0), *args.size, num_frames=60)
    frames = [np.ascontiguousarray(frame[..., ::-1]) for frame, _ in clip]
    with tempfile.TemporaryDirectory() as folder:
        inferencer = build(args, folder)
    facts = measure(inferencer, frames, args.frames, args.score_thr)
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f'{name:20}{value:>10}')


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
