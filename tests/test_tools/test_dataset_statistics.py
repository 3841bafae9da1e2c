"""Statistics of annotation files: the numbers, the picture, the errors."""
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / 'tools/analysis_tools/dataset_statistics.py'))
# (gender, age) of the persons; None where the key is absent
PERSONS = [(0, 3), (0, 4), (0, 27), (1, 25), (1, None), (None, 29),
           (None, None)]


def annotation(id, gender=None, age=None, **more):
    labels = dict(gender=gender, age=age)
    labels = {key: value for key, value in labels.items() if value is not None}
    return dict(
        id=id,
        image_id=1,
        category_id=1,
        bbox=[0, 0, 10, 10],
        area=100,
        iscrowd=0,
        **labels,
        **more)


def write(path, annotations):
    path.write_text(
        json.dumps(
            dict(
                images=[
                    dict(id=1, file_name='a.jpg', width=64, height=48),
                    dict(id=2, file_name='b.jpg', width=64, height=48)
                ],
                annotations=annotations,
                categories=[dict(id=1, name='person')])))
    return str(path)


@pytest.fixture
def file(tmp_path):
    annotations = [annotation(i, *p) for i, p in enumerate(PERSONS)]
    crowd = dict(annotation(100, 1, 80), iscrowd=1)
    invalid = annotation(101, 1, 80, valid=dict(gender=0, age=0))
    unlabelled = annotation(102, -1, -1)
    return write(tmp_path / 'uni.json',
                 annotations + [crowd, invalid, unlabelled])


def test_read_persons(file):
    num_images, persons = TOOL['read_persons'](file)
    assert num_images == 2
    assert [tuple(p) for p in persons] == PERSONS + [(None, None)] * 2


def test_table(file):
    text = TOOL['format_table'](*TOOL['read_persons'](file), width=5)
    assert 'images 2, persons 9' in text
    assert 'male 3 (60.0 %), female 2 (40.0 %)' in text
    # 3 + 4 + 25 + 27 + 29 = 88 years of 5 persons
    assert 'age labels 5 (55.6 %): mean 17.6, median 25' in text
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('|')]
    assert rows[1] == ['0-4', '2', '0', '0', '2']
    assert rows[-1] == ['25-29', '1', '1', '1', '3']
    assert len(rows) == 1 + 6


@pytest.mark.parametrize('width', [1, 5, 10])
def test_every_age_is_in_a_bin(width):
    persons = [TOOL['Person'](i % 2, age) for i, age in enumerate(range(86))]
    counts = TOOL['count_ages'](persons, TOOL['bin_edges'](persons, width))
    assert np.sum(counts) == 86
    assert sum(counts)[0] == width


def test_picture_shows_the_counts(file):
    _, persons = TOOL['read_persons'](file)
    left, right = TOOL['draw'](persons, 5).axes
    assert [bar.get_height() for bar in left.patches] == [3, 2]
    assert sum(bar.get_height() for bar in right.patches) == 5
    assert max(b.get_y() + b.get_height() for b in right.patches) == 3


def test_tool_writes_a_picture(file, tmp_path, capsys):
    out = tmp_path / 'figure.png'
    TOOL['main']([file, '--out', str(out)])
    assert '25-29' in capsys.readouterr().out
    pixels = np.asarray(Image.open(out).convert('L'))
    assert pixels.shape[1] > 1000 and (pixels < 200).mean() > 0.02


@pytest.mark.parametrize('person', [(1, None), (None, 20)])
def test_only_one_kind_of_label(tmp_path, person):
    file = write(tmp_path / 'uni.json', [annotation(1, *person)])
    TOOL['main']([file, '--out', str(tmp_path / 'figure.png')])
    assert (tmp_path / 'figure.png').stat().st_size > 0


@pytest.mark.parametrize('annotations, options, message', [
    ([annotation(5, 2, 30)], [], "annotation 5: 'gender'"),
    ([annotation(6, 1, 'old')], [], "annotation 6: 'age'"),
    ([], [], 'none of its 0 persons'),
    ([annotation(5)], [], 'none of its 1 persons'),
    ([annotation(5, 1, 30)], ['--bin-width', '0'], '--bin-width 0'),
    ([annotation(5, 1, 30)], ['--out', 'no/such/a.png'], '--out no/such'),
    ([annotation(5, 1, 30)], ['--out', 'a.nonsense'], '--out a.nonsense'),
])
def test_errors(tmp_path, capsys, annotations, options, message):
    file = write(tmp_path / 'uni.json', annotations)
    out = tmp_path / 'a.png'
    with pytest.raises(SystemExit) as error:
        TOOL['main']([file, '--out', str(out), *options])
    assert error.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not out.exists()


def test_not_json(tmp_path, capsys):
    path = tmp_path / 'uni.json'
    path.write_text('{')
    with pytest.raises(SystemExit):
        TOOL['main']([str(path), '--out', str(tmp_path / 'a.png')])
    assert 'uni.json' in capsys.readouterr().err
