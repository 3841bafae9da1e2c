"""tools/photo_sheet.py: photos beside what a tiny model finds."""
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

MODULE = runpy.run_path(
    str(Path(__file__).resolve().parents[2] / 'tools/photo_sheet.py'))
MAIN, IN_ROWS = MODULE['main'], MODULE['in_rows']


def test_rows_are_filled():
    pairs = [
        np.full((4, width, 3), n, np.uint8)
        for n, width in enumerate((10, 20, 30))
    ]
    sheet = IN_ROWS(pairs, 40, gap=2)
    assert sheet.shape == (2 + 4 + 2 + 4 + 2, 36, 3)
    assert (sheet[2:6, 2:12] == 0).all() and (sheet[2:6, 14:34] == 1).all()
    assert (sheet[8:12, 2:32] == 2).all()
    assert (sheet[:2] == 255).all() and (sheet[8:12, 32:] == 255).all()


def test_photos_and_their_sources(shipped, photos, tmp_path, capsys):
    names = ('000000000785.jpg', '000000183709.jpg')
    out = tmp_path / 'new' / 'sheet.jpg'
    MAIN([
        *(str(photos / 'images' / name) for name in names), '--out',
        str(out), '--attribution',
        str(photos / 'ATTRIBUTION.tsv'), '--height', '60', '--score-thr', '0'
    ])
    assert len(cv2.imread(str(out))) == 60 + 2 * 6
    line = capsys.readouterr().out.splitlines()[0]
    assert '?id=6795644157' in line and '?id=267588789' in line
    assert 'creativecommons.org/licenses/by/2.0' in line


@pytest.mark.fault
def test_a_photo_of_nobody(shipped, photos, tmp_path, capsys):
    table = tmp_path / 'table.tsv'
    table.write_text('file\tlicence_url\tflickr_photo_id\n')
    with pytest.raises(SystemExit):
        MAIN([
            str(photos / 'images/000000000785.jpg'), '--out',
            str(tmp_path / 'x.jpg'), '--attribution',
            str(table)
        ])
    assert 'whose photo 000000000785.jpg' in capsys.readouterr().err
    assert not (tmp_path / 'x.jpg').exists()
