"""Runs are repeated over seeds, never twice, and their spread is shown."""
import importlib.util
import json
from pathlib import Path

import cv2
import pytest

from mmhqnet.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'ablate', ROOT / 'tools/analysis_tools/ablate.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def trainings(tool, monkeypatch):
    """Trainings that write scores which depend on config and seed."""
    calls = []

    def run(command, stdout, stderr):
        config = Path(command[2]).stem
        work_dir = Path(command[command.index('--work-dir') + 1])
        seed = next(
            int(word.split('=')[1]) for word in command
            if word.startswith('randomness.seed='))
        calls.append((config, seed))
        run.done = type('Done', (), dict(returncode=run.status))
        if run.status == 0:
            log = work_dir / '20260101/vis_data/scalars.json'
            log.parent.mkdir(parents=True)
            box = 0.5 + 0.1 * seed
            log.write_text('{"loss": 3.0, "step": 1}\n' +
                           json.dumps({
                               'unihuman/box_AP': 0.1,
                               'step': 1
                           }) + '\n' + json.dumps({
                               'unihuman/box_AP': box,
                               'unihuman/mask_AP': box / 2,
                               'step': 2
                           }))
        return run.done

    run.status, run.calls = 0, calls
    monkeypatch.setattr(tool.subprocess, 'run', run)
    return run


def test_mean_and_spread_of_the_last_scores(tool, trainings, tmp_path, capsys):
    tool.main([
        'queries', '--seeds', '0', '2', '--work-dir',
        str(tmp_path), '--jobs', '2'
    ])
    table = (tmp_path / 'queries/table.md').read_text()
    # box .5 and .7: mean .6, deviation .1414
    assert '| 30 | 60.0 ± 14.1 | 30.0 ± 7.1 |\n' in table
    assert cv2.imread(str(tmp_path / 'queries/table.png')).std() > 5
    assert len(trainings.calls) == 6
    assert 'box AP 0.700' in capsys.readouterr().out


def test_finished_runs_are_not_repeated(tool, trainings, tmp_path):
    options = ['queries', '--work-dir', str(tmp_path)]
    tool.main([*options, '--seeds', '0'])
    tool.main([*options, '--seeds', '0', '1'])
    assert len(trainings.calls) == len(set(trainings.calls)) == 6


def test_a_failed_run_is_named_and_the_others_kept(tool, trainings, tmp_path,
                                                   capsys):
    options = ['queries', '--work-dir', str(tmp_path)]
    tool.main([*options, '--seeds', '0'])
    trainings.status = 1
    with pytest.raises(SystemExit) as stop:
        tool.main([*options, '--seeds', '0', '1'])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert 'with seed 1 failed' in message and 'output.txt' in message
    assert len(list(tmp_path.glob('*_seed0.json'))) == 3


def test_lists_share_trainings(tool, trainings, tmp_path, capsys):
    for name in ('table7', 'tableA4'):
        tool.main([name, '--seeds', '0', '--work-dir', str(tmp_path)])
    assert len(trainings.calls) == 4 + 3 - 1  # all tasks are in both
    last = (tmp_path / 'tableA4/table.md').read_text().splitlines()[-1]
    assert last == '| **paper**, R-50, all tasks | 74.9 | 65.8 |'


def test_runs_with_other_options_are_not_mixed(tool, trainings, tmp_path,
                                               capsys):
    options = ['queries', '--seeds', '0', '--work-dir', str(tmp_path)]
    tool.main([*options, '--cfg-options', 'a=1'])
    with pytest.raises(SystemExit):
        tool.main(options)
    assert 'other --cfg-options (a=1)' in capsys.readouterr().err
    assert len(trainings.calls) == 3


@pytest.mark.parametrize('content, message', [
    (None, 'unknown list'),
    ('[]', 'must hold'),
    ('{', 'not JSON'),
    ('{"a": "configs/none.py"}', "row 'a': config configs/none.py does not"),
])
def test_bad_lists(tool, tmp_path, content, message):
    path = tmp_path / 'list.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        tool.read_list(str(path))


@pytest.mark.parametrize('change, key', [
    ('model = dict(bbox_head=dict(task_heads=dict('
     "feet=dict(type='FeetHed'))))",
     'model.bbox_head.task_heads.feet: FeetHed'),
    ("val_evaluator = dict(metric=['box', 'feet'])",
     "val_evaluator.metric: 'feet'"),
])
def test_an_unknown_task_is_named_before_any_training(tool, trainings,
                                                      tmp_path, capsys, change,
                                                      key):
    base = ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
    config = tmp_path / 'other.py'
    config.write_text(f"_base_ = '{base}'\n{change}\n")
    listed = tmp_path / 'list.json'
    listed.write_text(json.dumps({'toy': str(base), 'other': str(config)}))
    with pytest.raises(SystemExit):
        tool.main([str(listed), '--work-dir', str(tmp_path)])
    line, = capsys.readouterr().err.splitlines()
    assert f"row 'other': other.py has an unknown task in {key}" in line
    assert trainings.calls == []


def test_every_built_in_config_exists(tool):
    for name in tool.LISTS:
        assert len(set(tool.read_list(name).values())) == len(tool.LISTS[name])
