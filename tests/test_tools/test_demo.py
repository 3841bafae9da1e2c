import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'demo.py'
AP = dict(box=0.5, mask=0.4, pose=0.3, gender=0.2, age=0.125)


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location('demo', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_tool(demo, tmp_path, monkeypatch):
    """Makes a tool of one's own; returns the log file of its output."""
    monkeypatch.setattr(demo, 'ROOT', tmp_path)
    (tmp_path / 'tools').mkdir()

    def write(code):
        (tmp_path / 'tools' / 'fake.py').write_text(code)
        return tmp_path / 'fake.log'

    return write


def test_output_is_shown_and_kept(demo, fake_tool, capfdbinary):
    log = fake_tool('import sys; print(sys.argv[1:])\n'
                    'print("progress 50%", end="", file=sys.stderr)')
    demo.run_tool(log, 'fake.py', 'a b', 3)
    out = capfdbinary.readouterr().out
    assert out.startswith(b'$ python ') and b"fake.py 'a b' 3" in out
    assert b"['a b', '3']" in out and out.endswith(b'progress 50%')
    assert log.read_text() == "['a b', '3']\nprogress 50%"


def test_quiet_tool_shows_its_progress_alone(demo, fake_tool, capfdbinary):
    log = fake_tool('import sys, warnings; print("log")\n'
                    'print("step 1", file=sys.stderr); warnings.warn("old")')
    demo.run_tool(log, 'fake.py', quiet=True)
    out = capfdbinary.readouterr().out
    assert out.startswith(b'$ python ') and out.endswith(b'fake.py\nstep 1\n')
    assert sorted(log.read_text().splitlines()) == ['log', 'step 1']


@pytest.mark.fault
def test_failing_tool(demo, fake_tool):
    log = fake_tool('import sys; print("working"); sys.exit("error: no data")')
    with pytest.raises(RuntimeError, match='^no data$'):
        demo.run_tool(log, 'fake.py')
    assert 'working' in log.read_text()


@pytest.mark.fault
def test_killed_tool(demo, fake_tool):
    log = fake_tool('import os; os.kill(os.getpid(), 9)')
    with pytest.raises(RuntimeError, match='killed by signal 9'):
        demo.run_tool(log, 'fake.py')


@pytest.mark.parametrize('output, reason', [
    ('start\nerror: image x is truncated\nbye\n', 'image x is truncated'),
    ('Traceback ...\n  f()\ntorch.OutOfMemoryError: no memory\n',
     'torch.OutOfMemoryError: no memory'),
    ('Traceback ...\nAssertionError: 3\n\n', 'AssertionError: 3'),
    ('usage\nlast words\n', 'last words'),
    ('', 'exit status 1'),
])
def test_reason_of_failure(demo, output, reason):
    assert demo.reason_of_failure(output, 1) == reason


@pytest.fixture
def fake_stages(demo, monkeypatch):
    """Stages that do nothing."""

    def train(args, log):
        """Train."""
        return AP

    def draw(args, log):
        """Draw."""
        return str(args.out_dir / 'overview.jpg')

    stages = dict(train=train, pictures=draw)
    monkeypatch.setattr(demo, 'STAGES', stages)
    return stages


def test_summary(demo, fake_stages, tmp_path, capsys):
    demo.main(['--out-dir', str(tmp_path)])
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['ap'] == AP
    assert set(summary['stage_seconds']) == set(fake_stages)
    assert summary['seconds'] == sum(summary['stage_seconds'].values())
    out = capsys.readouterr().out
    for task, value in AP.items():
        assert any(line.split() == [task, f'{value:.3f}']
                   for line in out.splitlines())
    assert str(tmp_path / 'overview.jpg') in out


@pytest.mark.fault
def test_failing_stage_ends_in_one_line(demo, fake_stages, tmp_path, capsys):
    (tmp_path / 'summary.json').write_text('{}')

    def fail(args, log):
        """Fail."""
        raise RuntimeError('disk full')

    fake_stages['pictures'] = fail
    with pytest.raises(SystemExit) as stop:
        demo.main(['--out-dir', str(tmp_path)])
    line = stop.value.code  # printed by Python, with exit status 1
    assert line.startswith('error: ') and '\n' not in line
    log = tmp_path / 'logs' / '2_pictures.log'
    assert 'pictures' in line and 'disk full' in line and str(log) in line
    assert 'Traceback' in log.read_text()
    assert not (tmp_path / 'summary.json').exists()


def test_photos_come_first(demo, tmp_path, monkeypatch, capsys):
    assert next(iter(demo.STAGES)) == 'photos'
    calls = []
    monkeypatch.setattr(demo, 'run_tool', lambda *call: calls.append(call))
    monkeypatch.setattr(demo, 'ROOT', tmp_path)
    args = demo.parse_args(['--out-dir', str(tmp_path / 'out')])
    assert demo.show_photos(args, tmp_path / 'log') is None and not calls
    assert 'no model came along' in capsys.readouterr().out
    (tmp_path / 'mmhqnet/weights').mkdir(parents=True)
    (tmp_path / 'mmhqnet/weights/x-00000000.pth').write_bytes(b'')
    assert demo.show_photos(args, tmp_path / 'log').endswith('photos.jpg')
    assert calls[0][1] == 'photo_sheet.py'


@pytest.mark.fault
@pytest.mark.parametrize('lines', [[], [{'loss': 1}, {'unihuman/box_AP': .5}]])
def test_missing_scores(demo, tmp_path, monkeypatch, lines):
    monkeypatch.setattr(demo, 'run_tool', lambda *args, **kwargs: None)
    file = tmp_path / 'train/20260102_030405/vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(map(json.dumps, lines)))
    args = demo.parse_args(['--out-dir', str(tmp_path)])
    with pytest.raises(RuntimeError, match='unihuman/age_AP in .*switched'):
        demo.train(args, tmp_path / 'log')


@pytest.mark.fault
def test_unusable_out_dir(demo, fake_stages, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(SystemExit) as stop:
        demo.main(['--out-dir', str(tmp_path / 'file')])
    assert str(tmp_path / 'file') in stop.value.code


def test_help_answers_at_once():
    start = time.perf_counter()
    subprocess.run([sys.executable, TOOL, '--help'],
                   check=True,
                   capture_output=True)
    assert time.perf_counter() - start < 1


@pytest.mark.slow
def test_tiny_demo(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(TOOL.parents[1])
    demo.main([
        '--out-dir',
        str(tmp_path), '--num-train', '4', '--num-val', '2', '--num-pictures',
        '2', '--cfg-options', 'train_cfg.max_iters=2',
        'train_cfg.val_interval=1', 'default_hooks.checkpoint.interval=2'
    ])
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert set(summary['ap']) == set(AP)
    assert summary['seconds'] > 0
    overview = cv2.imread(summary['pictures'])
    assert overview is not None
    assert len(list((tmp_path / 'pictures' / 'vis').iterdir())) == 2
    assert len(list((tmp_path / 'pictures' / 'preds').iterdir())) == 2
    assert list((tmp_path / 'train').glob('*/*.log'))
    assert len(list((tmp_path / 'train/previews').iterdir())) == 2
