"""The environment with compiled operators, with stand-ins for pip."""
import sys
import zipfile

import pytest

pytestmark = pytest.mark.fault


@pytest.fixture
def operators(make_ops_env, environment):
    """An environment over another one."""
    (environment.venv / 'pyvenv.cfg').write_text('')
    environment.constraints.write_text('')
    (environment.site_packages / 'below.py').write_text('')
    pip = environment.site_packages / 'pip' / '_internal' / 'cli' / 'main.py'
    pip.parent.mkdir(parents=True)
    pip.write_text('')
    return make_ops_env.OperatorsEnvironment(environment.root,
                                             environment.root / '.venv-ops',
                                             environment.venv)


def test_it_sees_the_environment_below(operators):
    operators.steps = {'interpreter': operators.make_interpreter}
    operators.make()
    assert operators.works('import below')
    own = operators.site_packages / 'below.py'
    own.write_text('own = True')  # and its own packages first
    assert operators.works('import below; below.own')
    assert not (operators.site_packages / 'pip').exists()
    assert operators.is_complete()


def test_it_is_looked_at_when_the_environment_below_changes(
        operators, add_interpreter):
    operators.steps = {}
    add_interpreter(operators)
    operators.link.touch()
    operators.make()
    assert operators.is_complete()
    (operators.base.site_packages / 'torch-2.9.0.dist-info').mkdir()
    assert not operators.is_complete()


def test_missing_compiler_ends_in_one_line(operators, add_interpreter,
                                           monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    operators.steps = {'compiler': operators.find_compiler}
    add_interpreter(operators)
    operators.link.touch()
    monkeypatch.setattr(operators, 'works', lambda code: 'mmcv' not in code)
    with pytest.raises(SystemExit) as end:
        operators.make()
    assert end.value.code.startswith('make env-ops failed at [1/1] compiler: ')
    assert 'What to do: install' in end.value.code
    assert '\n' not in end.value.code


@pytest.fixture
def mmcv_builder(operators, monkeypatch, tmp_path):
    """An environment without mmcv whose pip writes what it is told to."""
    operators.cache = tmp_path / 'cache'
    operators.calls = []

    def pip(command, *arguments, **_):
        operators.calls.append((command, str(arguments[-1])))
        if command == 'wheel':
            aside = arguments[arguments.index('--wheel-dir') + 1]
            with zipfile.ZipFile(f'{aside}/mmcv-2.1.0-any.whl', 'w') as wheel:
                wheel.writestr(operators.built, '')

    operators.built = 'mmcv/_ext.so'
    monkeypatch.setattr(operators, 'pip', pip)
    monkeypatch.setattr(operators, 'works', lambda code: False)
    monkeypatch.setattr(operators, 'ask', lambda code: '2.13.0+cpu 0 0')
    return operators


def test_mmcv_is_compiled_once(mmcv_builder, monkeypatch, capsys):
    python = f'cp{sys.version_info.major}{sys.version_info.minor}'
    folder = mmcv_builder.cache / f'{python}-torch2.13.0+cpu-mmcv2.1.0'
    wheel = str(folder / 'mmcv-2.1.0-any.whl')
    assert mmcv_builder.install_mmcv() == 'compiled'
    assert mmcv_builder.calls == [('wheel', 'mmcv==2.1.0'), ('install', wheel)]
    assert 'about ten minutes' in capsys.readouterr().out
    assert [
        path.name for path in mmcv_builder.cache.rglob('*') if path.is_file()
    ] == ['mmcv-2.1.0-any.whl']

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
