"""The script that makes the environment, with stand-ins for pip."""
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.fault


def test_second_call_does_nothing(environment, capsys):
    environment.make()
    assert '[1/1] one thing ... found (0 s)' in capsys.readouterr().out
    environment.steps = {}
    environment.make()
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('change', [
    lambda env: env.python.unlink(),
    lambda env: (env.root / 'requirements/tests.txt').write_text('more'),
    lambda env: env.stamp_path.write_text('{"cut'),
    lambda env: (env.site_packages / 'a-1.0.dist-info' / 'RECORD').unlink(),
    lambda env: (env.site_packages / 'a-1.0.dist-info').rename(
        env.site_packages / 'a-2.0.dist-info'),
])
def test_any_change_is_looked_at(environment, change):
    dist_info = environment.site_packages / 'a-1.0.dist-info'
    dist_info.mkdir()
    for name in ('METADATA', 'RECORD'):
        (dist_info / name).write_text('')
    environment.make()
    assert environment.is_complete()
    change(environment)
    assert not environment.is_complete()


def test_what_the_user_adds_is_no_change(environment):
    environment.make()
    dist_info = environment.site_packages / 'more-1.0.dist-info'
    dist_info.mkdir()
    for name in ('METADATA', 'RECORD'):
        (dist_info / name).write_text('')
    assert environment.is_complete()


def test_failed_step_ends_in_one_line(environment, capsys):

    def step():
        environment.run([
            sys.executable, '-c', 'import sys; print("fine so far"); '
            'sys.exit("ERROR: No matching distribution found for x==9")'
        ])

    environment.steps = {'first': lambda: None, 'second': step}
    with pytest.raises(SystemExit) as end:
        environment.make()
    assert end.value.code == (
        'make env failed at [2/2] second: No matching distribution found for '
        'x==9. What to do: check the versions in requirements/'
        'constraints.txt and that pip can reach a package index. '
        f'Log: {environment.log_path}')
    assert 'fine so far' in environment.log_path.read_text()
    assert not environment.is_complete()


def test_killed_command_is_named(make_env, environment):

    def step():
        environment.run([
            sys.executable, '-c',
            f'import os; os.kill(os.getpid(), {int(signal.SIGKILL)})'
        ])

    environment.steps = {'step': step}
    with pytest.raises(SystemExit, match='killed by signal 9'):
        environment.make()


def test_long_commands_show_life(make_env, environment, monkeypatch, capsys):
    monkeypatch.setattr(make_env, 'HEARTBEAT', 0.1)
    environment.steps = {
        'compile':
        lambda: environment.run([
            sys.executable, '-uc', 'import time; print("  [3/77] c++ x.cpp");'
            'time.sleep(.6)'
        ])
    }
    environment.make()
    assert 'still at it, 0 s, 3/77 files compiled' in capsys.readouterr().out


def test_interruption_stops_the_compilers_too(checkout):
    """SIGTERM ends the whole tree of processes and leaves one line."""
    script = checkout / 'requirements' / 'interrupted.py'
    script.write_text(
        'import sys, signal\n'
        'from pathlib import Path\n'
        'from make_env import Environment\n'
        'signal.signal(signal.SIGTERM, signal.default_int_handler)\n'
        f'env = Environment(Path({str(checkout)!r}))\n'
        'env.steps = {"compile": lambda: env.run([sys.executable, "-uc",\n'
        '    "import os, subprocess, sys;"\n'
        '    "child = subprocess.Popen([\'sleep\', \'60\']);"\n'
        '    "print(\'child\', child.pid); child.wait()"])}\n'
        'env.make()\n')
    process = subprocess.Popen([sys.executable, script],
                               stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               text=True)
    log = checkout / '.venv' / 'make_env.log'
    for _ in range(200):
        if log.is_file() and 'child' in log.read_text():
            break
        time.sleep(0.05)
    child = int(log.read_text().split('child ')[1])
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors == ('make env was interrupted at [1/1] compile; '
                      'call it again to continue\n')
    for _ in range(100):  # the child dies, or is a zombie nobody collects
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        with open(f'/proc/{child}/stat') as stat:
            if stat.read().split()[2] == 'Z':
                return
        time.sleep(0.05)
    pytest.fail('the child is still running')


def test_wrong_python_is_refused(make_env, monkeypatch):
    monkeypatch.setattr(make_env, 'PYTHON', (3, 8))
    with pytest.raises(SystemExit, match='needs one of Python 3.11, 3.12'):
        make_env.main(None)


def make_fails(environment, what):
    with pytest.raises(SystemExit, match=what) as end:
        environment.make()
    assert '\n' not in end.value.code and 'What to do: ' in end.value.code


def test_foreign_folders_are_left_alone(make_env, checkout, environment,
                                        monkeypatch):
    assert environment.is_ours() is False
    environment.make()  # what runs this Python is welcome

    other = make_env.Environment(checkout, checkout / 'notes')
    other.venv.write_text('a file')
    make_fails(other, 'notes is there already and not a folder')
    other.venv.unlink()
    other.venv.mkdir()
    (other.venv / 'mine.txt').write_text('do not touch')
    make_fails(other, 'notes is there already and not an environment')
    assert [path.name for path in other.venv.iterdir()] == ['mine.txt']

    (other.venv / 'mine.txt').unlink()  # the next call repairs it
    other.steps = {}
    other.make()


def test_environment_of_another_python(make_env, environment, monkeypatch):
    """A foreign one is refused, one of ours is replaced."""
    monkeypatch.setattr(make_env, 'PYTHON', (3, 99))
    make_fails(environment, 'not an environment of Python 3.99')

    environment.lock_path.touch()
    environment.steps = {'interpreter': environment.make_interpreter}
    monkeypatch.setattr(environment, 'create', lambda: monkeypatch.undo())
    (environment.venv / 'old').mkdir()
    make_fails(environment, 'failed at .*interpreter')  # nothing was created
    assert {path.name
            for path in environment.venv.iterdir()
            } == {'make_env.lock', 'make_env.log'}


def test_half_installed_distributions_are_removed(environment, monkeypatch):
    dist_info = environment.site_packages / 'cut-1.0.dist-info'
    dist_info.mkdir()
    (environment.site_packages / '~orch').mkdir()
    monkeypatch.setattr(environment, 'works', lambda code: True)
    environment.log_path.touch()
    with open(environment.log_path, 'w') as environment.log:
        assert environment.make_interpreter() == 'repaired'
    assert list(environment.site_packages.iterdir()) == []


def test_old_torch_of_the_user_is_refused(environment, monkeypatch):
    monkeypatch.setattr(environment, 'installed', lambda: {'torch': '1.13.1'})
    environment.steps = {'torch': environment.install_torch}
    with pytest.raises(SystemExit, match='torch 1.13.1 is older than 2.1'):
        environment.make()


@pytest.mark.parametrize('installed, wanted', [
    ({}, ['torch==2.13.0']),
    (dict(torch='2.8.0+cu128', torchvision='0.23.0', mmcv='2.0.1'), []),
])
def test_torch_is_installed_only_if_missing(environment, monkeypatch,
                                            installed, wanted):
    calls = []
    monkeypatch.setattr(environment, 'installed', lambda: installed)
    monkeypatch.setattr(environment, 'pip', lambda *a: calls.append(list(a)))
    environment.install_torch()
    assert calls == [['install', 'setuptools', *wanted]]
    constraints = environment.constraints.read_text().splitlines()
    for name, version in (installed or {'torch': '2.13.0'}).items():
        assert f'{name}=={version}' in constraints


@pytest.mark.parametrize(
    'installed, works, removed, extra', [
        ([], False, None, 'lite'),
        (['mmcv_lite'], False, None, 'lite'),
        (['mmcv'], True, None, 'mim'),
        (['mmcv'], False, ['mmcv'], 'lite'),
        (['mmcv', 'mmcv_lite'], True, ['mmcv', 'mmcv-lite'], 'lite'),
        ([], True, None, 'mim'),
    ],
    ids=['none', 'lite', 'compiled', 'for another torch', 'both', 'the hosts'])
def test_one_mmcv_is_left(environment, monkeypatch, installed, works, removed,
                          extra):
    calls = []
    monkeypatch.setattr(environment, 'run', lambda *a: calls.append(a[0]))
    monkeypatch.setattr(environment, 'works', lambda code: works)
    extension = environment.site_packages / 'mmcv' / '_ext.cpython-311.so'
    extension.parent.mkdir()
    extension.touch()
    for name in installed:
        (environment.site_packages / f'{name}-2.1.0.dist-info').mkdir()
    environment.install_package()
    *uninstall, install = calls
    assert install[-1] == f'{environment.root}[{extra}]'
    assert (uninstall[0][-len(removed):] if uninstall else None) == removed
    assert extension.exists() == (extra == 'mim')


def test_a_second_mmcv_is_looked_at(environment):
    """pip overwrites the files of the first."""
    for name in ('mmcv', 'mmcv_lite'):
        assert not environment.is_complete() or name == 'mmcv_lite'
        dist_info = environment.site_packages / f'{name}-2.1.0.dist-info'
        dist_info.mkdir()
        for file in ('METADATA', 'RECORD'):
            (dist_info / file).write_text('')
        if name == 'mmcv':
            environment.make()
    assert not environment.is_complete()


def test_full_disk(make_env, environment, monkeypatch):
    environment.log_path.symlink_to('/dev/full')
    environment.steps = {'step': lambda: environment.run(['true'])}
    monkeypatch.setattr(make_env.sys, 'argv', ['make_env.py'])
    with pytest.raises(SystemExit) as end:
        make_env.main(lambda root: environment.make())
    assert 'No space left on device' in end.value.code
    assert 'What to do: free some disk space' in end.value.code
    assert '\n' not in end.value.code

    environment.log_path.unlink()
    environment.make()
    assert environment.is_complete()


def test_no_network(environment, capsys):
    """pip itself, asking an index that does not answer."""
    environment.constraints.write_text('')
    nowhere = ('--retries', '1', '--index-url', 'http://127.0.0.1:9/simple')
    environment.steps = {
        'libraries':
        lambda: environment.pip('install', *nowhere, 'no-such-package')
    }
    make_fails(environment, 'check that pip can reach a package index')
    assert capsys.readouterr().out.endswith('libraries ... failed\n')
    environment.steps = {'libraries': lambda: None}
    environment.make()


def test_broken_torch_is_reinstalled_in_the_same_version(environment):
    dist_info = environment.site_packages / 'torch-2.8.0+cu128.dist-info'
    dist_info.mkdir()
    environment.hold_broken_choice(dist_info)
    assert environment.pins['torch'] == '2.8.0+cu128'


def test_no_package_index_is_named(root):
    for path in (*(root / 'requirements').glob('*.*'), root / 'Makefile',
                 root / 'setup.py', root / 'pyproject.toml'):
        text = path.read_text()
        assert 'index-url' not in text and 'https://pypi' not in text


@pytest.fixture
def call_make(root, tmp_path):
    """Run the Makefile in a folder with a fake home."""
    if shutil.which('make') is None:
        pytest.skip('there is no make')

    # `make test` hands its own options down
    outside = {
        name: value
        for name, value in os.environ.items() if not name.startswith('MAKE')
    }

    def call_make(*arguments):
        return subprocess.run(['make', '-f', root / 'Makefile', *arguments],
                              cwd=tmp_path,
                              env=dict(outside, HOME=str(tmp_path)),
                              capture_output=True,
                              text=True)

    return call_make


def test_missing_python_ends_in_one_line(call_make):
    done = call_make('env', 'PYTHON=python3.99')
    assert done.returncode == 2
    assert done.stdout.startswith('make env: no Python found as python3.99.')
    assert 'What to do: ' in done.stdout and done.stdout.count('\n') == 1


def test_pyenv_is_looked_into(call_make, tmp_path):
    """Its commands on the path fail for versions that are not chosen."""
    python = tmp_path / '.pyenv/versions/3.99.1/bin/python3.99'
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo runs "$@"\n')
    python.chmod(0o755)
    done = call_make('env', 'PYTHON=python3.99', 'VENV=.mine')
    assert done.stdout == 'runs requirements/make_env.py .mine\n'


def test_the_same_python_is_taken_again(call_make, tmp_path):
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo runs "$@"\n')
    python.chmod(0o755)
    (tmp_path / '.venv').mkdir()
    (tmp_path / '.venv' / 'make_env.python').write_text(str(python))
    assert call_make('env').stdout == 'runs requirements/make_env.py .venv\n'
