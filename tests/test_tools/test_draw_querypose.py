"""The figure of the documentation."""
import runpy
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis_tools/draw_querypose.py'
CONFIGS = ROOT / 'configs'


@pytest.fixture
def main(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    return runpy.run_path(str(TOOL))['main']


def test_versions_differ(main, tmp_path):
    pictures = []
    for version in ('querypose', 'querypose-light'):
        out = tmp_path / f'{version}.png'
        main([
            str(CONFIGS / f'querypose/{version}_r50_8xb2-140k_coco.py'),
            '--out',
            str(out)
        ])
        pictures.append(cv2.imread(str(out)))
    full, light = pictures
    assert full.shape == light.shape and (full < 128).any()
    assert (full != light).any()


def test_other_configs_are_refused(main, tmp_path, capsys):
    for config in ('hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py', 'nowhere.py'):
        with pytest.raises(SystemExit):
            main([str(CONFIGS / config), '--out', str(tmp_path / 'x.png')])
        assert capsys.readouterr().err.startswith('error: ')
