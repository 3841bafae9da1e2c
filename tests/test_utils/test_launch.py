from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import Registry

from mmhqnet.errors import InputError
from mmhqnet.utils.launch import (as_input_errors, checked_start, load_config,
                                  no_empty_log)


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


@pytest.mark.parametrize('launcher, message', [
    ('pytorch', 'nothing has launched processes'),
    ('slurm', '--launcher slurm .* GPUs'),
])
def test_launcher_without_gpus(tmp_path, monkeypatch, launcher, message):
    config = tmp_path / 'mine.py'
    config.write_text('')
    args = arguments(config)
    args.launcher = launcher
    monkeypatch.setattr('mmhqnet.utils.launch.get_device', lambda: 'cpu')
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(InputError, match=message):
        load_config(args)
    monkeypatch.setattr('mmhqnet.utils.launch.get_device', lambda: 'cuda')
    assert load_config(args).launcher == launcher


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
def test_errors_about_the_input(action, message):
    with pytest.raises(InputError, match=message) as error:
        with as_input_errors():
            action()
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('error', [
    KeyError('bboxes'),
    RuntimeError('shapes do not match'),
    TypeError('forward() got an unexpected keyword argument')
])
def test_bugs_keep_their_traceback(error):
    with pytest.raises(type(error)), as_input_errors():
        raise error


@pytest.fixture
def run(monkeypatch):
    """A run that logs as mmengine's runner does, writes files and fails."""
    monkeypatch.setattr(MMLogger, '_instance_dict', OrderedDict())

    def fail(work_dir, *names, error=InputError('bad image'), log='config'):
        with pytest.raises(type(error)), no_empty_log(str(work_dir)):
            folder = work_dir / '20261126'
            write(work_dir, '20261126/vis_data/config.py', 'mine.py')
            MMLogger.get_instance(
                'test', log_file=str(folder / '20261126.log')).info(log)
            write(work_dir, *names)
            raise error
        return {
            str(path.relative_to(work_dir))
            for path in work_dir.rglob('*') if path.is_file()
        }

    return fail


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('')


OWN = {'20261126/20261126.log', '20261126/vis_data/config.py'}


def test_new_work_dir_is_removed(run, tmp_path):
    run(tmp_path / 'runs' / 'mine')
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays(run, tmp_path):
    names = {'epoch_1.pth', 'old/old.log', 'yours.py', 'mine.py'}
    write(tmp_path / 'mine', *names)
    assert run(tmp_path / 'mine') == names


@pytest.mark.parametrize('name',
                         ['pictures/a.jpg', 'other/other.log', 'a.pkl'])
def test_what_appeared_in_the_meantime_stays(run, tmp_path, name):
    """Another run's log, or pictures and predictions that are finished."""
    assert run(tmp_path / 'mine', name) == {name, 'mine.py'}


@pytest.mark.parametrize('name', [
    '20261126/vis_data/vis_image/a.jpg', '20261126/scores.json',
    '20261126/vis_data/scalars.json'
])
def test_results_in_the_log_folder_keep_it(run, tmp_path, name):
    assert run(tmp_path / 'mine', name) == {*OWN, name, 'mine.py'}


@pytest.mark.parametrize('options', [
    dict(log='Iter(train) [1/2] loss: 3'),
    dict(log='Epoch(test) [1/2]'),
    dict(error=ValueError('a bug')),
])
def test_logs_of_work_and_of_bugs_are_kept(run, tmp_path, options):
    assert run(tmp_path / 'mine', **options) == {*OWN, 'mine.py'}


def test_where_a_run_starts_from_is_read_first(tmp_path):
    assert checked_start(Config(dict(load_from=None))) is None
    path = str(tmp_path / 'x.pth')
    for content, message in ((b'', 'cannot be read'), (None, 'not exist')):
        if content is not None:
            Path(path).write_bytes(content)
        else:
            Path(path).unlink()
        with pytest.raises(InputError, match=f'{path} .*{message}'):
            checked_start(Config(dict(load_from=path)))


def test_an_address_becomes_a_file_that_is_safe(serve, hostile):
    cfg = Config(dict(load_from=serve(dict(state_dict=dict(a=torch.ones(2))))))
    assert checked_start(cfg)['state_dict']['a'].sum() == 2
    assert torch.load(cfg.load_from)['state_dict']['a'].sum() == 2
    with pytest.raises(InputError, match='http.*is refused.*mkdir'):
        checked_start(
            Config(dict(load_from=serve(dict(meta=hostile), 'y.pth'))))
