"""The script that makes the environment, with stand-ins for pip."""
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

pytestmark = pytest.mark.fault


@pytest.fixture
def checkout(tmp_path, root):
    """A checkout whose environment is an empty folder so far."""
    (tmp_path / 'requirements').mkdir()
    for path in (root / 'requirements').iterdir():
        if path.suffix in ('.txt', '.py'):
            (tmp_path / 'requirements' / path.name).write_text(
                path.read_text())
    (tmp_path / 'setup.py').write_text('')
    return tmp_path


@pytest.fixture
def environment(make_env, checkout):
    """An environment with one step, which succeeds."""
    environment = make_env.Environment(checkout)
    environment.steps = {'one thing': lambda: 'found'}
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    environment.site_packages.mkdir(parents=True)
    return environment


def test_second_call_does_nothing(environment, capsys):
    environment.make()
    assert '[1/1] one thing ... found (0 s)' in capsys.readouterr().out
    environment.steps = {}
    environment.make()
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('change', [
    lambda env: env.python.unlink(),
    lambda env: (env.root / 'requirements/base.txt').write_text('more'),
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
    monkeypatch.setattr(make_env.sys, 'version_info', (3, 8, 0))
    with pytest.raises(SystemExit, match='needs Python 3.11'):
        make_env.main()


def test_environment_of_another_python_is_refused(make_env, environment,
                                                  monkeypatch):
    monkeypatch.setattr(make_env, 'PYTHON', (3, 99))
    environment.steps = {'interpreter': environment.make_interpreter}
    with pytest.raises(SystemExit, match='belongs to another version'):
        environment.make()


def test_old_torch_of_the_user_is_refused(environment, monkeypatch):
    monkeypatch.setattr(environment, 'installed', lambda: {'torch': '1.13.1'})
    environment.steps = {'torch': environment.install_torch}
    with pytest.raises(SystemExit, match='torch 1.13.1 is older than 2.1'):
        environment.make()


@pytest.mark.parametrize('installed, asked_for', [
    ({}, ['install', 'torch==2.13.0']),
    ({
        'torch': '2.8.0+cu128',
        'torchvision': '0.23.0'
    }, None),
])
def test_torch_is_installed_only_if_missing(environment, monkeypatch,
                                            installed, asked_for):
    calls = []
    monkeypatch.setattr(environment, 'installed', lambda: installed)
    monkeypatch.setattr(environment, 'pip', lambda *a: calls.append(list(a)))
    environment.install_torch()
    assert calls == ([asked_for] if asked_for else [])
    constraints = environment.constraints.read_text().splitlines()
    for name, version in (installed or {'torch': '2.13.0'}).items():
        assert f'{name}=={version}' in constraints


def test_broken_torch_is_reinstalled_in_the_same_version(environment):
    dist_info = environment.site_packages / 'torch-2.8.0+cu128.dist-info'
    dist_info.mkdir()
    environment.hold_broken_choice(dist_info)
    assert environment.pins['torch'] == '2.8.0+cu128'


@pytest.fixture
def mmcv_builder(environment, monkeypatch, tmp_path):
    """An environment without mmcv whose pip writes what it is told to."""
    environment.cache = tmp_path / 'cache'
    environment.calls = []

    def pip(command, *arguments, **_):
        environment.calls.append((command, str(arguments[-1])))
        if command == 'wheel':
            aside = arguments[arguments.index('--wheel-dir') + 1]
            with zipfile.ZipFile(f'{aside}/mmcv-2.1.0-cp311-cp311-any.whl',
                                 'w') as wheel:
                wheel.writestr(environment.built, '')

    environment.built = 'mmcv/_ext.so'
    monkeypatch.setattr(environment, 'pip', pip)
    monkeypatch.setattr(environment, 'works', lambda code: False)
    monkeypatch.setattr(environment, 'ask', lambda code: '2.13.0+cpu 0 0')
    return environment


def test_mmcv_is_compiled_once(mmcv_builder, monkeypatch, capsys):
    folder = mmcv_builder.cache / 'cp311-torch2.13.0+cpu-mmcv2.1.0'
    wheel = str(folder / 'mmcv-2.1.0-cp311-cp311-any.whl')
    assert mmcv_builder.install_mmcv() == 'compiled'
    assert mmcv_builder.calls == [('wheel', 'mmcv==2.1.0'), ('install', wheel)]
    assert 'about ten minutes' in capsys.readouterr().out
    assert [
        path.name for path in mmcv_builder.cache.rglob('*') if path.is_file()
    ] == ['mmcv-2.1.0-cp311-cp311-any.whl']

    mmcv_builder.calls.clear()
    monkeypatch.setattr(mmcv_builder, 'works',
                        lambda code: bool(mmcv_builder.calls))
    assert mmcv_builder.install_mmcv() == 'installed from the cache'
    assert mmcv_builder.calls == [('install', wheel)]


def test_cached_mmcv_that_does_not_work_is_compiled_again(mmcv_builder):
    mmcv_builder.install_mmcv()
    mmcv_builder.calls.clear()
    assert mmcv_builder.install_mmcv() == 'compiled'
    assert [call for call, _ in mmcv_builder.calls
            ] == ['install', 'wheel', 'install']


def test_mmcv_without_operators_does_not_reach_the_cache(
        make_env, mmcv_builder):
    mmcv_builder.built = 'mmcv/__init__.py'
    with pytest.raises(make_env.StepFailed, match='without its operators'):
        mmcv_builder.install_mmcv()
    assert list(mmcv_builder.cache.iterdir()) == []


def test_no_package_index_is_named(root):
    for path in (*(root / 'requirements').glob('*.*'), root / 'Makefile',
                 root / 'setup.py', root / 'pyproject.toml'):
        text = path.read_text()
        assert 'index-url' not in text and 'https://pypi' not in text
