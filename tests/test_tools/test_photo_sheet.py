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
    """Each picture keeps its shape, and all rows but the last end alike."""
    shapes = [(40, 100), (80, 60), (50, 50), (40, 120), (90, 30), (60, 60)]
    pictures = [
        np.full((*shape, 3), 30 * n, np.uint8)
        for n, shape in enumerate(shapes)
    ]
    sheet = IN_ROWS(pictures, 200, 40, gap=2)
    assert sheet.shape[1] == 200
    last = 0
    for n, (height, width) in enumerate(shapes):
        ys, xs = np.nonzero((sheet == 30 * n).all(-1))
        box = np.ptp(ys) + 1, np.ptp(xs) + 1
        assert len(ys) == box[0] * box[1]  # whole
        assert box[1] / box[0] == pytest.approx(width / height, rel=0.05)
        assert 20 <= box[0] <= 80
        if xs.min() == 2 and n:  # a new row: the one before is full
            assert last == 197
        last = xs.max()
    assert ys.max() == len(sheet) - 3 and box[0] <= 40


def test_a_picture_wider_than_the_sheet():
    sheet = IN_ROWS([np.zeros((10, 400, 3), np.uint8)], 100, 40, gap=0)
    assert sheet.shape[1] == 100 and len(sheet) == 2 and not sheet.any()


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
