"""tools/ship_model.py, and the tools without arguments."""
import json
import runpy
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
SHIP, INFO, PREDICT, TRACK = (
    runpy.run_path(str(TOOLS / name))['main']
    for name in ('ship_model.py', 'analysis_tools/info.py', 'predict.py',
                 'track.py'))


def test_one_command_makes_the_file(tiny_training, tmp_path, capsys):
    config, checkpoint = map(str, tiny_training)
    out = tmp_path / 'weights'
    assert SHIP([checkpoint, '--config', config, '--out-dir', str(out)]) == 0
    file, = out.iterdir()
    assert file.name.startswith('tiny_coco-person-')
    assert str(file) in capsys.readouterr().out


@pytest.mark.fault
def test_too_large_to_ship(tiny_training, tmp_path, monkeypatch, capsys):
    config, checkpoint = map(str, tiny_training)
    monkeypatch.setitem(SHIP.__globals__['run'].__globals__, 'LIMIT', 1)
    assert SHIP([checkpoint, '--config', config, '--out-dir',
                 str(tmp_path)]) == 1
    assert 'error: more than' in capsys.readouterr().err


def test_info_says_where_it_came_from(shipped, capsys):
    INFO(['--json'])
    facts = json.loads(capsys.readouterr().out)
    assert facts['data'] == 'drawings' and facts['licence'] == 'free'


def test_predict_without_config_and_checkpoint(shipped, photos, tmp_path,
                                               monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photo = photos / 'images' / '000000000785.jpg'
    assert PREDICT([str(photo), '--device', 'cpu']) == 0
    printed = capsys.readouterr()
    assert not printed.out and 'using tiny' in printed.err
    assert (tmp_path / 'outputs/pictures' / photo.name).is_file()


@pytest.mark.fault
@pytest.mark.parametrize('main', [PREDICT, TRACK])
def test_a_config_needs_a_checkpoint(main, capsys):
    with pytest.raises(SystemExit) as stop:
        main(['x.jpg', '--config', 'x.py', '--out', 'x'])
    assert stop.value.code == 2
    assert '--config needs --checkpoint' in capsys.readouterr().err


@pytest.mark.fault
def test_no_weights_end_in_one_line(tmp_path, monkeypatch, capsys):
    from mmhqnet.checkpoints import shipped
    monkeypatch.setattr(shipped, 'FOLDER', tmp_path)
    with pytest.raises(SystemExit) as stop:
        PREDICT(['x.jpg', '--json'])
    assert stop.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith('error: the model that comes with mmhqnet')
