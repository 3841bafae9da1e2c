"""The benchmark suite: its statistics, its results, and that each row runs."""
import contextlib
import io
import json
import math
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools/analysis_tools'
sys.path.insert(0, str(FOLDER))

from benchmarks import ROWS, measure  # noqa: E402
from benchmarks.crowd import crossover, draw  # noqa: E402
from benchmarks.limits import count_macs, mac_limit  # noqa: E402
from benchmarks.loading import MMDETS, mmdet_pipeline  # noqa: E402
from benchmarks.measure import Options, Timing, interleave  # noqa: E402
from benchmarks.optimizer import learning_rates  # noqa: E402
from benchmarks.people import make_persons  # noqa: E402
from benchmarks.report import Check, Row, insert, table  # noqa: E402
from benchmarks.startup import find_tools  # noqa: E402

TOOL = runpy.run_path(str(FOLDER / 'benchmark.py'))
MARKS = dict(
    B3=pytest.mark.ops,  # Mask R-CNN
    # start processes, or a compiler
    B7=pytest.mark.slow,
    B9=pytest.mark.slow,
    B12=pytest.mark.slow,
    B13=pytest.mark.slow)


def run_tool(*arguments):
    """Run the tool in this process; returns what it printed."""
    threads = torch.get_num_threads()
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            TOOL['main']([*arguments, '--quick', '--repeats', '1'])
    finally:
        torch.set_num_threads(threads)
    return output.getvalue()


def test_sides_take_turns_and_change_places(monkeypatch):
    calls = []
    clock = iter(range(100))
    monkeypatch.setattr(measure.time, 'perf_counter', lambda: next(clock))
    times = interleave(
        dict(a=lambda: calls.append('a'), b=lambda: calls.append('b')),
        Options(repeats=3))
    assert ''.join(calls) == 'ab' + 'ab' + 'ba' + 'ab'
    assert times['a'].wall == times['b'].wall == 1


def test_medians_leave_out_a_disturbed_round(monkeypatch):
    # beginnings and ends of five rounds, one of which takes 100 seconds
    clock = iter([0, 2, 10, 13, 20, 120, 200, 202, 300, 303])
    monkeypatch.setattr(measure.time, 'perf_counter', lambda: next(clock))
    times = interleave(dict(a=lambda: None), Options(repeats=5), warm_up=False)
    assert times['a'].wall == 3


def test_garbage_is_collected_again_after_an_error():
    import gc
    with pytest.raises(ZeroDivisionError):
        interleave(dict(a=lambda: 1 / 0), Options(repeats=1), warm_up=False)
    assert gc.isenabled()


def test_cpu_time_includes_processes():
    program = 'sum(i * i for i in range(3_000_000))'
    times = interleave(
        dict(a=lambda: subprocess.run([sys.executable, '-c', program])),
        Options(repeats=1),
        warm_up=False)
    assert times['a'].cpu > .01


def test_targets_from_above_and_below():
    low = Check('', 1.2, 'limit', at_most=1.25)
    assert low.ok and low.target == '<= 1.25'
    assert not Check('', 1.3, '', at_most=1.25).ok
    assert Check('', 8., '', at_least=8.).ok
    assert not Check('', 7.9, '', at_least=8.).ok
    assert Check('', 0., '', at_most=0.).ok
    assert not Check('', 1e-12, '', at_most=0.).ok
    assert Check('', 5., '').ok is None


def test_a_check_of_times_is_their_ratio():
    check = Check.of_times(
        'a / b', Timing(3., 2.), Timing(2., 4.), limit='', at_most=1.)
    assert (check.ratio, check.cpu_ratio) == (1.5, .5)
    assert check.sides == (3., 2.) and not check.ok


def test_the_worst_check_stands_for_the_row():
    row = Row([
        Check('a', 1.2, '', at_most=1.25),
        Check('b', 4., 'half', at_least=8.),
        Check('c', 9., '')
    ])
    result = row.to_dict()
    assert result['what'] == 'b' and result['ratio'] == 4.
    assert result['target'] == '>= 8' and result['limit'] == 'half'
    assert result['ok'] is False
    assert [check['ok'] for check in result['checks']] == [True, False, None]


def test_infinity_is_valid_json():
    row = Row([Check('a', math.inf, '', at_most=6.)])
    assert row.to_dict()['ratio'] is None and not row.to_dict()['ok']
    json.dumps(row.to_dict(), allow_nan=False)
    assert 'never' in table(dict(B3=row))


def test_the_table_has_a_line_per_check():
    rows = dict(
        B1=Row([
            Check('one', 1., 'x', at_most=2.),
            Check('two', 3., 'y', at_most=2.)
        ],
               notes=('hello', )),
        B2=Row([Check('three', 1., 'z')]))
    lines = table(rows).split('\n')
    assert [line.split('|')[2].strip()
            for line in lines[2:5]] == ['one', 'two', 'three']
    assert [line.split('|')[5].strip()
            for line in lines[2:5]] == ['yes', 'NO', '']
    assert lines[-1] == 'B1: hello'
    assert len({len(line) for line in lines[:5]}) == 1


def test_results_replace_earlier_ones_in_a_page(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(
        '# Title\n<!-- benchmark cpu -->\nold\n<!-- end -->\nText\n'
        '<!-- benchmark cuda -->\nother\n<!-- end -->\n')
    for report in ('new', 'newer'):
        insert(report, 'cpu', str(page))
    text = page.read_text()
    assert text.split('\n')[:4] == [
        '# Title', '<!-- benchmark cpu -->', 'newer', '<!-- end -->'
    ]
    assert 'Text' in text and 'other' in text and 'old' not in text


@pytest.mark.parametrize(
    'flat, expected',
    [
        (0, 1),  # above from the first measured number on
        (3, 2),  # between 1 and 5
        (14, 10),  # beyond the last
    ])
def test_crossover_is_interpolated(flat, expected):
    rising = {1: 1., 5: 9., 7: 11.}
    assert crossover(rising, dict.fromkeys(rising, flat)) == expected


def test_parallel_curves_never_cross():
    assert crossover({1: 1., 5: 1.}, {1: 2., 5: 2.}) == math.inf


def test_the_plot_shows_every_curve():
    curves = {'HQNet': {1: 2., 50: 2.}, 'cascade': {1: 1., 50: 9.}}
    figure = draw(curves, dict(gpu=None, processor='x', threads=1))
    axes, = figure.axes
    assert [line.get_label() for line in axes.lines] == list(curves)
    assert list(axes.lines[1].get_xdata()) == [1, 50]


def test_multiply_accumulates_by_hand():
    linear = torch.nn.Linear(4, 5)
    conv = torch.nn.Conv2d(2, 3, 3)

    @torch.no_grad()
    def run():
        linear(torch.ones(3, 4))
        conv(torch.ones(1, 2, 6, 6))

    assert count_macs(run) == 3 * 4 * 5 + 16 * 2 * 3 * 9
    assert mac_limit(3_000_000_000, 2_000_000_000) == '1.5 (3 / 2 GMAC)'


def test_persons_fit_into_the_image_and_depend_on_the_seed():
    persons = make_persons(30, (48, 64), seed=1)
    assert persons == make_persons(30, (48, 64), seed=1)
    assert persons != make_persons(30, (48, 64), seed=2)
    for person in persons:
        x, y, width, height = person['bbox']
        assert min(x, y, width, height) >= 0
        assert x + width <= 64 and y + height <= 48
        assert len(person['keypoints']) == 17 * 3


def test_mmdets_pipeline_has_nothing_of_ours():
    pipeline = [
        dict(type='LoadHumanAnnotations'),
        dict(
            type='RandomChoiceResize',
            resize_type='HumanResize',
            scales=[(1, 2)])
    ]
    steps = mmdet_pipeline(pipeline)
    assert steps[0]['type'] == 'LoadAnnotations' and steps[0]['with_mask']
    assert steps[1]['resize_type'] == 'Resize'
    assert steps[1]['scales'] == [(1, 2)]
    assert not any(name in str(steps) for name in MMDETS)


def test_tools_are_told_from_their_parts():
    names = [path.name for path in find_tools()]
    assert {'train.py', 'test.py', 'benchmark.py'} <= {*names}
    assert not {'__init__.py', 'startup.py', 'body.py'} & {*names}


def test_learning_rates_are_told_apart():
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = torch.optim.AdamW([
        dict(params=[first], lr=1.),
        dict(params=[second], lr=2., weight_decay=3.)
    ])
    rates = learning_rates(optimizer)
    assert rates[id(first)][0] == 1. and rates[id(second)] == (2., 3.)


@pytest.mark.parametrize('arguments, message', [
    (['--threads', '0'], '--threads 0'),
    (['--repeats', '0'], '--repeats 0'),
    (['--batch-size', '0'], '--batch-size 0'),
    (['--precision', 'bf16'], '--precision bf16'),
    (['--rows', 'B1', '--plot', 'x.png'], 'B3'),
    (['--json', '/no/such/folder/b.json'], '/no/such/folder/b.json'),
    (['--docs', '/no/such/page.md'], '/no/such/page.md'),
    (['--docs', str(FOLDER / 'benchmark.py')], '<!-- benchmark cpu -->'),
    pytest.param(['--device', 'cuda'],
                 'cuda',
                 marks=pytest.mark.skipif(
                     torch.cuda.is_available(), reason='there is one')),
])
def test_wrong_options_end_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        TOOL['main'](arguments)
    assert ended.value.code == 2
    error, = capsys.readouterr().err.strip().split('\n')
    assert error.startswith('error: ') and message in error


def test_help_does_not_load_torch():
    program = ('import runpy, sys; sys.argv = ["benchmark.py", "--help"]\n'
               f'sys.path.insert(0, {str(FOLDER)!r})\n'
               'try:\n'
               f'    runpy.run_path({str(FOLDER / "benchmark.py")!r}, '
               'run_name="__main__")\n'
               'finally:\n'
               '    assert "torch" not in sys.modules\n')
    printed = subprocess.run([sys.executable, '-c', program],
                             check=True,
                             capture_output=True,
                             text=True).stdout
    assert all(f'  {name} ' in printed for name in ROWS)


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=MARKS.get(name, ())) for name in ROWS
])
def test_every_row_runs(name, tmp_path):
    file = tmp_path / 'b.json'
    printed = run_tool('--rows', name, '--json', str(file))
    results = json.loads(file.read_text())
    assert set(results) == {name}
    row = results[name]
    assert {'ratio', 'target', 'limit', 'ok', 'checks'} <= row.keys()
    assert isinstance(row['ok'], bool)
    assert row['target'] or name == 'B12'  # has none
    for check in row['checks']:
        assert check['ratio'] is None or check['ratio'] >= 0
        assert check['what'] in printed and isinstance(check['limit'], str)
    assert row['machine']['threads'] == 1


@pytest.fixture
def fake_rows(monkeypatch):
    """Rows that need no time; B2 fails."""
    curves = {'HQNet': {1: 1., 2: 1.}}
    rows = dict(B1=Row([Check('x', 1., '', at_most=2.)]))
    rows['B3'] = rows['B1']._replace(curves=curves)
    monkeypatch.setitem(TOOL['run'].__globals__, 'measure_row',
                        lambda name, options: rows[name])


def test_table_and_plot_go_into_the_page(fake_rows, tmp_path):
    page, plot = tmp_path / 'docs' / 'b.md', tmp_path / 'docs' / 'b.png'
    page.parent.mkdir()
    page.write_text('<!-- benchmark cpu -->\n<!-- end -->')
    printed = run_tool('--rows', 'B1', 'B3', '--plot', str(plot), '--docs',
                       str(page))
    assert plot.stat().st_size > 1000
    text = page.read_text()
    assert '![Seconds by number of persons](b.png)' in text
    table, machine, _ = text.split('\n\n')
    assert table.split('\n', 1)[1] in printed and machine in printed


def test_rows_before_a_failure_are_kept(fake_rows, tmp_path):
    file = tmp_path / 'b.json'
    with pytest.raises(KeyError):
        run_tool('--rows', 'B1', 'B2', '--json', str(file))
    assert json.loads(file.read_text())['B1']['ratio'] == 1
