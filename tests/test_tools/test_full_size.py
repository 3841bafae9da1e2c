"""The table of a photo's costs, from the outside."""
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis_tools/full_size.py'
CONFIG = ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'


def test_a_row_for_each_config(photos):
    photo = photos / 'images/000000000785.jpg'  # 640 x 425
    done = subprocess.run([sys.executable, TOOL, photo, CONFIG],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    _, _, row = done.stdout.splitlines()
    name, size, persons, seconds, memory = row.strip('| ').split(' | ')
    assert (name, size, persons) == (CONFIG.stem, '85 x 128', '30')
    assert 0 < float(seconds) < 60 and 0.1 < float(memory) < 4


@pytest.mark.fault
@pytest.mark.parametrize('missing', ['photo', 'config'])
def test_missing_files(photos, missing, capsys):
    files = dict(photo=photos / 'images/000000000785.jpg', config=CONFIG)
    files[missing] = 'none.x'
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(TOOL))['main']([str(f) for f in files.values()])
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert err.startswith('error: ') and 'none.x' in err and not out
