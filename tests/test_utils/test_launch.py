from argparse import Namespace
from pathlib import Path
from urllib.error import URLError

import pytest
from mmengine.registry import Registry

from mmhqnet.errors import InputError
from mmhqnet.utils.launch import blame_input, load_config, nothing_half_written


def arguments(config, work_dir=None, **cfg_options):
    return Namespace(
        config=str(config),
        work_dir=work_dir,
        launcher='none',
        cfg_options=cfg_options or None)


@pytest.mark.parametrize('in_config, option, expected', [
    (None, None, 'work_dirs/mine'),
    ('from_config', None, 'from_config'),
    ('from_config', 'from_option', 'from_option'),
])
def test_work_dir(tmp_path, in_config, option, expected):
    config = tmp_path / 'mine.py'
    config.write_text(f'work_dir = {in_config!r}\nmodel = dict(depth=18)')
    cfg = load_config(arguments(config, option, **{'model.depth': 50}))
    assert cfg.work_dir == expected
    assert cfg.model.depth == 50 and cfg.launcher == 'none'


@pytest.mark.parametrize('text, message', [
    ('model = dict(', 'SyntaxError'),
    ('model = 1 / 0', 'ZeroDivisionError: division by zero'),
    ("_base_ = 'missing.py'", 'missing.py'),
    ("custom_imports = dict(imports=['no_such_module'])", 'no_such_module'),
])
def test_broken_config(tmp_path, text, message):
    config = tmp_path / 'mine.py'
    config.write_text(text)
    with pytest.raises(InputError, match='mine.py cannot be read') as error:
        load_config(arguments(config))
    assert message in str(error.value) and '\n' not in str(error.value)


def test_missing_config_and_unfit_option(tmp_path):
    with pytest.raises(InputError, match='none.py does not exist'):
        load_config(arguments(tmp_path / 'none.py'))
    (tmp_path / 'mine.py').write_text('scales = [1]')
    with pytest.raises(InputError, match='--cfg-options do not fit'):
        load_config(arguments(tmp_path / 'mine.py', **{'scales.3': 1}))


def raise_error(error):
    raise error


@pytest.mark.parametrize('action, message', [
    (lambda: open('/no/such.json'), '/no/such.json'),
    (lambda: raise_error(FileNotFoundError('x.pth can not be found.')),
     'x.pth can not be found'),
    (lambda: raise_error(URLError('no route')), 'init_cfg'),
    (lambda: Registry('model', scope='mmdet').build(dict(type='HQNett')),
     'HQNett is not in the mmdet::model registry'),
])
def test_user_is_blamed(action, message):
    with pytest.raises(InputError, match=message) as error:
        with blame_input():
            action()
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('error', [
    KeyError('bboxes'),
    RuntimeError('shapes do not match'),
    TypeError('forward() got an unexpected keyword argument')
])
def test_bugs_keep_their_traceback(error):
    with pytest.raises(type(error)), blame_input():
        raise error


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('')


def fail(work_dir, *names, error=InputError('bad image')):
    with pytest.raises(type(error)), nothing_half_written(str(work_dir)):
        write(work_dir, *names)
        raise error


def test_new_work_dir_is_removed(tmp_path):
    fail(tmp_path / 'runs' / 'mine', 'config.py', '2026/vis_data/scalars.json')
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays(tmp_path):
    write(tmp_path, 'mine/epoch_1.pth', 'mine/old/log', 'other/log')
    fail(tmp_path / 'mine', 'new/log')
    left = {
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob('*') if path.is_file()
    }
    assert left == {'mine/epoch_1.pth', 'mine/old/log', 'other/log'}


def test_work_of_others_stays(tmp_path):
    """Somebody else starts a run next to ours in the meantime."""
    work_dir = tmp_path / 'runs' / 'mine'
    with pytest.raises(InputError), nothing_half_written(str(work_dir)):
        write(tmp_path / 'runs', 'mine/log', 'theirs/log')
        raise InputError('bad')
    assert not work_dir.exists()
    assert (tmp_path / 'runs' / 'theirs' / 'log').exists()


@pytest.mark.parametrize('names, error', [
    (('log', 'iter_5.pth'), InputError('bad image')),
    (('log', ), ValueError('a bug')),
])
def test_results_and_logs_of_bugs_are_kept(tmp_path, names, error):
    fail(tmp_path / 'mine', *names, error=error)
    assert {path.name for path in Path(tmp_path / 'mine').iterdir()} \
        == set(names)
