"""Measure HQNet against its peers, side by side, as ratios.

Example:
    python tools/analysis_tools/benchmark.py --rows B1 B8 --json b.json

Both sides of a ratio take turns in one process, after a warm-up and with a
fixed number of threads; reported are medians. A table says for each ratio
what was aimed at and what arithmetic or memory allows. Keep the machine
otherwise idle.
"""
import argparse
import json
import os
import sys
import warnings

from benchmarks import ROWS, measure_row


def parse_args(argv=None):
    """Read the command line."""
    rows = '\n'.join(f'  {name:4} {what}' for name, (_, what) in ROWS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f'rows:\n{rows}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--rows',
        nargs='+',
        choices=list(ROWS),
        default=list(ROWS),
        metavar='ROW',
        help='what to measure (default: all)')
    parser.add_argument('--json', metavar='FILE', help='write the results')
    parser.add_argument(
        '--docs',
        metavar='FILE',
        help='put the table into a Markdown page, between '
        '<!-- benchmark DEVICE --> and <!-- end -->')
    parser.add_argument(
        '--plot',
        metavar='FILE',
        help='draw row B3, seconds by number of persons')
    parser.add_argument(
        '--device',
        choices=['cpu', 'cuda'],
        default='cpu',
        help='(default: %(default)s)')
    parser.add_argument(
        '--threads',
        type=int,
        default=1,
        metavar='N',
        help='threads on the CPU (default: %(default)s)')
    parser.add_argument(
        '--repeats',
        type=int,
        default=5,
        metavar='N',
        help='rounds, of which the median counts (default: %(default)s)')
    parser.add_argument(
        '--precision',
        choices=['fp32', 'tf32', 'fp16', 'bf16'],
        default='fp32',
        help='on a GPU (default: %(default)s)')
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        metavar='N',
        help='images of rows B1 and B11 (default: %(default)s)')
    parser.add_argument(
        '--return-memory',
        action='store_true',
        help='let freed memory go back to the system, as usual; then page '
        'faults count, which depend on what ran before')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='tiny models and inputs, only to see that everything runs')
    return parser.parse_args(argv)


def check(args):
    """Check the options before anything is measured.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: Naming the option that is wrong.
    """
    import torch

    from mmhqnet.errors import InputError
    for option in ('--threads', '--repeats', '--batch-size'):
        value = vars(args)[option[2:].replace('-', '_')]
        if value < 1:
            raise InputError(f'{option} {value}: must be 1 or more')
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise InputError('--device cuda: there is no CUDA device; use cpu')
    if args.precision != 'fp32' and args.device != 'cuda':
        raise InputError(f'--precision {args.precision}: for a GPU; add '
                         '--device cuda')
    if args.plot and 'B3' not in args.rows:
        raise InputError('--plot draws row B3; add B3 to --rows')
    if args.docs:
        from benchmarks.report import split_page
        split_page(args.docs, args.device)
    for path in filter(None, (args.json, args.plot)):
        try:
            open(path, 'ab').close()
        except OSError as error:
            raise InputError(f'cannot write {path}: '
                             f'{error.strerror}') from error


def run(args):
    """Measure the rows, print the table, write the files."""
    import torch
    check(args)

    from benchmarks.measure import Options, keep_memory, machine
    from benchmarks.report import describe, insert, table
    warnings.simplefilter('ignore')
    options = Options(args.device, args.threads, args.repeats, args.quick,
                      args.precision, args.batch_size, args.return_memory)
    options.apply()
    if not options.return_memory:
        keep_memory()
    machine_info = machine(options)
    rows = {}
    for name in dict.fromkeys(args.rows):
        print(f'{name}: {ROWS[name][1]}', file=sys.stderr, flush=True)
        torch.manual_seed(0)
        rows[name] = measure_row(name, options)
        if args.json:  # what comes later may fail
            write_json(rows, machine_info, args.json)

    report = '\n\n'.join((table(rows), describe(machine_info)))
    print(report)
    if args.quick:
        print('--quick: the sizes are tiny, the ratios mean nothing')
    if args.plot:
        from benchmarks.crowd import draw
        draw(rows['B3'].curves, machine_info).savefig(args.plot)
    if args.docs:
        if args.plot:
            plot = os.path.relpath(args.plot, os.path.dirname(args.docs))
            report += f'\n\n![Seconds by number of persons]({plot})'
        insert(report, args.device, args.docs)


def write_json(rows, machine_info, path):
    """Write the results of some rows, each with what it was measured on."""
    results = {
        name: dict(row.to_dict(), machine=machine_info)
        for name, row in rows.items()
    }
    with open(path, 'w') as file:
        json.dump(results, file, indent=2)


def main(argv=None):
    """Entry point."""
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
