"""The checking tool reports every kind of problem in one go."""
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / 'tests' / 'data' / 'coco_ccby' / 'person_keypoints.json'
TOOL = runpy.run_path(
    str(ROOT / 'tools' / 'dataset_converters' / 'check_annotations.py'))


@pytest.fixture
def check(tmp_path, capsys):
    """Run the tool; give its exit status and what it printed."""

    def run(content, *options):
        path = tmp_path / 'annotations.json'
        path.write_text(
            content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(SystemExit) as end:
            TOOL['main']([str(path), *options])
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return run


@pytest.fixture
def content():
    return json.loads(PHOTOS.read_text())


def test_a_proper_file(check, content):
    for annotation in content['annotations'][:3]:
        annotation.update(gender=1, age=30, face_box=[1, 2, 3, 4])
    content['annotations'][3].update(gender=-1, valid=dict(segmentation=0))
    status, out, _ = check(content)
    assert status == 0 and 'annotations.json: no problems' in out
    counts = {
        name: int(number)
        for number, name in map(str.split,
                                out.splitlines()[1:])
    }
    assert counts == dict(
        images=13,
        persons=67,
        crowds=2,
        keypoints=44,
        masks=66,
        gender=3,
        age=3,
        face_box=3)


def test_every_kind_is_reported_with_count_and_first_ids(check, content):
    annotations = content['annotations']
    for i, annotation in enumerate(annotations[:7]):
        annotation['age'] = 300 + i
    annotations[1]['gender'] = 'f'
    del annotations[2]['bbox']
    annotations[3]['keypoints'] = [0] * 48
    annotations[4]['face_box'] = [1, 2]
    annotations[5]['segmentation'] = [[1, 2, 3, 4]]
    content['images'][0]['width'] = None
    status, out, _ = check(content, '--ids', '3')
    assert status == 1
    lines = out.splitlines()
    assert lines[0].endswith('13 problems of 7 kinds') and len(lines) == 8
    ids = ', '.join(str(a['id']) for a in annotations[:3])
    age = next(line for line in lines if "'age'" in line)
    assert age.split() == (f"7 x annotation 'age' must be a number from 0 to "
                           f'85; ids {ids}, ...; first found 300').split()
    for field in ('gender', 'bbox', 'keypoints', 'face_box', 'width',
                  'segmentation'):
        line, = [line for line in lines if f"'{field}'" in line]
        assert line.split()[:2] == ['1', 'x'] and '...' not in line


def test_other_keypoint_sets(check, content):
    status, out, _ = check(content, '--keypoints', 'crowdpose')
    assert status == 1 and 'must be 42 numbers' in out


def test_other_categories(check, content):
    content['categories'][0]['name'] = 'face'
    status, out, _ = check(content)
    assert status == 1 and "a category named 'person'" in out
    status, out, _ = check(content, '--category', 'face')
    assert status == 0 and '67 faces' in out


def test_a_file_without_sections(check):
    status, out, _ = check({'images': []})
    assert status == 1
    assert "file 'annotations' must be there" in out
    assert "file 'categories' must be there" in out


def test_files_that_cannot_be_read(check, capsys):
    status, _, err = check('{"images": [')
    assert status == 2 and len(err.splitlines()) == 1
    assert 'is not JSON' in err
    with pytest.raises(SystemExit) as end:
        TOOL['main'](['absent.json'])
    assert end.value.code == 2
    assert 'cannot read absent.json' in capsys.readouterr().err


def test_labels_of_ones_own(check, content, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("person_fields = dict(hat=dict(type='category', "
                      "classes=('none', 'cap')))")
    content['annotations'][0]['hat'] = 'cap'
    status, out, _ = check(content, '--person-fields', str(config))
    assert status == 0 and '       1 hat' in out
    content['annotations'][1]['hat'] = 'crown'
    assert check(content)[0] == 0
    status, out, _ = check(content, '--person-fields', str(config))
    assert status == 1 and "'hat' must be 0 (none) or 1 (cap)" in out
    status, _, err = check(content, '--person-fields', 'absent.py')
    assert status == 2 and 'config absent.py does not exist' in err
