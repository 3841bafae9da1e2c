"""tools/analysis_tools/info.py on checkpoints and configs."""
import json
import runpy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmhqnet.testing import tiny_config

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'tools/analysis_tools'
MAIN = runpy.run_path(str(FOLDER / 'info.py'))['main']


@pytest.fixture
def facts(capsys):

    def read(path, *options):
        MAIN([str(path), '--json', *options])
        return json.loads(capsys.readouterr().out)

    return read


@pytest.fixture
def config():
    return Config(dict(model=tiny_config(('mask', 'age'))))


def test_checkpoint_of_a_training(facts, config, tmp_path):
    path = tmp_path / 'x.pth'
    meta = dict(
        cfg=config.pretty_text,
        epoch=7,
        dataset_meta=dict(classes=('person', )))
    torch.save(
        dict(
            meta=meta,
            optimizer={},
            state_dict=dict(a=torch.ones(2, 3), b=torch.ones(1))), path)
    found = facts(path)
    assert found['weights'] == 7 and found['epoch'] == 7
    assert found['can be resumed'] and found['classes'] == ['person']
    assert sorted(found['tasks']) == ['age', 'box', 'mask']
    assert found['model'] == 'HQNet' and found['parameters'] > 100_000


def test_weights_alone(facts, tmp_path, capsys):
    path = tmp_path / 'x.pth'
    torch.save(dict(a=torch.ones(2, 3)), path)
    found = facts(path)
    assert found['weights'] == 6 and not found['can be resumed']
    assert 'holds no config' in found['config']
    MAIN([str(path)])
    assert 'weights         6\n' in capsys.readouterr().out


def test_config(facts, config, tmp_path):
    path = tmp_path / 'mine.py'
    config.dump(path)
    found = facts(path)
    assert found['backbone'] == 'ResNet'
    assert sorted(found['tasks']) == ['age', 'box', 'mask']


def test_arithmetic_grows_with_the_image(facts, config, tmp_path,
                                         monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)  # as for a script
    path = tmp_path / 'mine.py'
    config.dump(path)
    assert 'GMAC' not in facts(path)
    small, large = (
        facts(path, '--size', str(side), str(side)) for side in (128, 512))
    assert 0 < 4 * small['GMAC'] < large['GMAC'] < 20 * small['GMAC'] + 1
    assert large['of an image of'] == '512 x 512 pixels'


@pytest.mark.fault
def test_arithmetic_that_cannot_be_counted(tmp_path, capsys):
    path = tmp_path / 'x.pth'
    torch.save(dict(a=torch.ones(2, 3)), path)
    with pytest.raises(SystemExit):
        MAIN([str(path), '--size', '64', '64'])
    assert 'holds no config' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        MAIN([str(path), '--size', '64', '0'])
    assert '--size 64 0: both sides' in capsys.readouterr().err


@pytest.mark.fault
@pytest.mark.parametrize('name', ['none.py', 'none.pth', 'text.pth'])
def test_bad_files(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('text.pth').write_text('no checkpoint')
    with pytest.raises(SystemExit) as end:
        MAIN([name])
    assert end.value.code == 2
    error, = capsys.readouterr().err.splitlines()
    assert name in error
