"""``mmhqnet COMMAND``, from the outside and from within."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmhqnet import __version__
from mmhqnet.__main__ import COMMANDS, available, main

ROOT = Path(__file__).resolve().parents[1]


def test_help_names_all_commands(capsys):
    for arguments in ([], ['--help']):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        for name in ('predict', 'eval', 'train', 'info', 'check', 'toy'):
            assert f'\n  {name} ' in text
    assert main(['--version']) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_every_command_has_its_tool_or_is_not_offered(capsys):
    for name, command in COMMANDS.items():
        there = (ROOT / 'tools' / command.tool).is_file()
        assert (name in available()) == there
        if there:
            assert main([name, '--help']) == 0
            assert f'usage: mmhqnet {name} ' in capsys.readouterr().out
        else:
            assert main([name]) == 2


def test_a_mistyped_command(capsys):
    assert main(['pedict', 'a.jpg']) == 2
    assert "no command 'pedict'; did you mean predict?" in \
        capsys.readouterr().err
    assert main(['xyz']) == 2
    assert 'did you mean' not in capsys.readouterr().err


def test_a_mistyped_option(capsys):
    assert main(['predict', 'a.jpg', '--checkpiont', 'x.pth']) == 2
    assert '--checkpiont; did you mean --checkpoint?' in \
        capsys.readouterr().err


def test_a_tool_runs_with_its_exit_status(tmp_path, capsys):
    path = tmp_path / 'a.json'
    assert main(['check', str(path)]) == 2
    assert 'a.json' in capsys.readouterr().err
    path.write_text('{"images": [], "annotations": [], "categories": '
                    '[{"id": 1, "name": "person"}]}')
    assert main(['check', str(path)]) == 0


def test_interruption(monkeypatch, capsys, tmp_path):
    (tmp_path / 'train.py').write_text('def main(argv):\n'
                                       '    raise KeyboardInterrupt')
    monkeypatch.setattr('mmhqnet.__main__.tools_folder', lambda: tmp_path)
    assert main(['train']) == 130
    assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.parametrize('folder', ['.', '/'])
def test_as_a_process(folder):
    done = subprocess.run([
        sys.executable, '-m', 'mmhqnet', 'predict', 'a.jpg', '--out', 'o',
        '--checkpoint', '/no/such.pth'
    ],
                          cwd=folder,
                          env=dict(os.environ, PYTHONPATH=str(ROOT)),
                          capture_output=True,
                          text=True)
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr.splitlines()[-1] == (
        'error: checkpoint /no/such.pth does not exist')
