"""Joining COCO, COCO-WholeBody and attributes; subsets and splits."""
import copy
import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / 'tests' / 'data' / 'coco_ccby' / 'person_keypoints.json'
TOOL = runpy.run_path(
    str(ROOT / 'tools' / 'dataset_converters' / 'merge_unihuman.py'))


@pytest.fixture
def coco():
    return json.loads(PHOTOS.read_text())


@pytest.fixture
def wholebody(coco):
    """COCO-WholeBody fields: all parts of person 0, only the face of 1."""
    content = copy.deepcopy(coco)
    for i, annotation in enumerate(content['annotations']):
        annotation.update(
            face_box=[1, 2, 3, 4],
            face_kpts=[1.5] * 204,
            face_valid=i < 2,
            lefthand_box=[5, 6, 7, 8],
            lefthand_kpts=[0.5] * 63,
            lefthand_valid=i < 1,
            righthand_box=[9, 9, 9, 9],
            righthand_kpts=[0.] * 63,
            righthand_valid=i < 1,
            foot_kpts=[2.] * 18,
            foot_valid=i < 1)
    return content


@pytest.fixture
def merge(tmp_path, coco):
    """Run the tool on files of the given contents; give what it wrote."""

    def run(*options, base=coco, **files):
        arguments = []
        for name, content in {'base': base, **files}.items():
            suffix = 'csv' if isinstance(content, str) else 'json'
            path = tmp_path / f'{name}.{suffix}'
            path.write_text(content if suffix ==
                            'csv' else json.dumps(content))
            if name != 'base':
                arguments += [f'--{name}', str(path)]
        out = tmp_path / 'out.json'
        TOOL['main'](
            [str(tmp_path / 'base.json'),
             str(out), *arguments, *options])
        return json.loads(out.read_text())

    return run


def ids_of(content, section='images'):
    return [entry['id'] for entry in content[section]]


def test_plain_coco_gets_its_flags(merge, coco):
    merged = merge()
    assert ids_of(merged) == ids_of(coco)
    assert merged['categories'] == coco['categories']
    for before, after in zip(coco['annotations'], merged['annotations']):
        valid = after.pop('valid')
        assert after == before  # nothing else is touched
        assert valid == dict(
            labels=1,
            bboxes=1,
            keypoints_2d=int(before['num_keypoints'] > 0),
            segmentation=1,
            smpl=0,
            gender=0,
            age=0,
            face=0)


def test_attributes(merge, coco):
    a, b, c, d = ids_of(coco, 'annotations')[:4]
    table = (f'annotation_id,gender,age,age_mean\n{a},1,31,30.6\n'
             f'{b},,40,\n{c},0,,\n')
    rows = [
        dict(annotation_id=a, gender=1, age=31),
        dict(annotation_id=b, gender=None, age=40),
        dict(annotation_id=c, gender=0, age=None),
        dict(annotation_id=d, gender=-1, age=None)
    ]
    for attributes in (table, rows):
        persons = merge(attributes=attributes)['annotations']
        assert [(p.get('gender'), p.get('age'), p['valid']['gender'],
                 p['valid']['age'])
                for p in persons[:4]] == [(1, 31, 1, 1), (None, 40, 0, 1),
                                          (0, None, 1, 0), (None, None, 0, 0)]


@pytest.mark.parametrize('suffix', ['csv', 'json'])
def test_attributes_from_votes(merge, coco, tmp_path, suffix):
    """What attribute_votes.py writes is what this tool reads."""
    votes = runpy.run_path(
        str(ROOT / 'tools' / 'analysis_tools' / 'attribute_votes.py'))
    first, second = ids_of(coco, 'annotations')[:2]
    ballots = tmp_path / 'votes.csv'
    ballots.write_text('annotation_id,annotator,gender,age_group,age\n'
                       f'{first},a,female,adult,31\n'
                       f'{first},b,female,adult,30\n'
                       f'{first},c,male,child,\n'
                       f'{second},a,male,adult,\n'
                       f'{second},b,female,adult,\n')
    labels = tmp_path / f'labels.{suffix}'
    votes['main'](
        [str(ballots), '--out',
         str(labels), '--age-groups', 'child', 'adult'])
    merged = merge('--attributes', str(labels))
    one, two = merged['annotations'][:2]
    assert (one['gender'], one['age']) == (1, 31)  # 30.5 years
    assert one['valid']['gender'] == one['valid']['age'] == 1
    # Nobody said an age, and the genders are a draw.
    assert 'gender' not in two and 'age' not in two
    assert two['valid']['gender'] == two['valid']['age'] == 0


def test_wholebody_v1_takes_faces(merge, wholebody):
    persons = merge(wholebody=wholebody)['annotations']
    assert [p['valid']['face'] for p in persons[:3]] == [1, 1, 0]
    assert persons[1]['face_box'] == [1, 2, 3, 4]
    for person in persons:
        assert ('face_box' in person) == person['valid']['face']
        assert not {'foot_kpts', 'face_kpts', 'lefthand_box'} & person.keys()
        assert 'lefthand' not in person['valid']


def test_wholebody_v2_takes_hands_and_feet(merge, wholebody):
    persons = merge('--version', 'v2', wholebody=wholebody)['annotations']
    expected = wholebody['annotations'][0]
    for field in ('face_box', 'face_kpts', 'lefthand_box', 'lefthand_kpts',
                  'righthand_box', 'righthand_kpts', 'foot_kpts'):
        assert persons[0][field] == expected[field]
    flags = ('face', 'lefthand', 'righthand', 'foot')
    assert [[p['valid'][flag] for flag in flags]
            for p in persons[:3]] == [[1] * 4, [1, 0, 0, 0], [0] * 4]
    assert 'lefthand_box' not in persons[1]


def test_labels_of_the_base_stay_unless_replaced(merge, coco):
    first, second, third = coco['annotations'][:3]
    first.update(gender=0, age=20, valid=dict(gender=1, age=1, other=1))
    second.update(gender=1, age=30, valid=dict(gender=0, keypoints_2d=0))
    third.update(gender=-1, smpl=dict(pose=[0.] * 72, betas=[0.] * 10))
    persons = merge(
        attributes=[dict(annotation_id=first['id'], gender=1)])['annotations']
    assert (persons[0]['gender'], persons[0]['age']) == (1, 20)
    assert persons[0]['valid']['other'] == 1
    # Called invalid: left out, and not made valid by joining.
    assert 'gender' not in persons[1] and persons[1]['age'] == 30
    assert persons[1]['valid']['gender'] == 0
    assert persons[1]['valid']['keypoints_2d'] == 0
    assert 'gender' not in persons[2] and persons[2]['valid']['smpl'] == 1


def test_joining_twice_changes_nothing(merge, coco, wholebody):
    attributes = [dict(annotation_id=coco['annotations'][0]['id'], age=9)]
    once = merge('--version', 'v2', wholebody=wholebody, attributes=attributes)
    assert merge('--version', 'v2', base=once) == once


def test_the_result_is_a_proper_file(merge, wholebody):
    from mmhqnet.datasets.annotations.rules import EXTRA_FIELDS, find_problems
    merged = merge('--version', 'v2', wholebody=wholebody)
    assert list(find_problems(merged, extra_fields=EXTRA_FIELDS)) == []


def test_images_without_persons(merge, coco):
    coco['images'].append(
        dict(id=5, file_name='empty.jpg', height=100, width=100))
    assert len(merge()['images']) == 13
    assert len(merge('--keep-empty')['images']) == 14


def test_subset_by_name(merge, coco, tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('790\n\n000000001000.jpg\n')
    merged = merge('--images', str(names))
    assert sorted(ids_of(merged)) == [790, 1000]
    assert {a['image_id'] for a in merged['annotations']} == {790, 1000}
    assert len(merged['annotations']) == 16


def test_random_subset(merge):
    drawn = ids_of(merge('--number', '5'))
    assert len(drawn) == 5
    assert ids_of(merge('--number', '5')) == drawn
    others = [
        ids_of(merge('--number', '5', '--seed', str(seed)))
        for seed in (1, 2, 3)
    ]
    assert any(other != drawn for other in others)


def test_split_by_image(merge, coco, tmp_path):
    rest_file = tmp_path / 'rest.json'
    first = merge('--split', '0.7', str(rest_file))
    rest = json.loads(rest_file.read_text())
    assert len(first['images']) == 9
    for section in ('images', 'annotations'):
        parts = ids_of(first, section) + ids_of(rest, section)
        assert sorted(parts) == sorted(ids_of(coco, section))
    for part in (first, rest):
        assert {a['image_id']
                for a in part['annotations']} == set(ids_of(part))


@pytest.mark.parametrize('files, message', [
    (dict(attributes='annotation_id,age\n1242217,300\n'),
     "attributes.csv: annotation 1242217: 'age' must be"),
    (dict(attributes='annotation_id,age\n1242217,old\n'),
     "row 1: annotation 1242217: 'age' must be a number, found 'old'"),
    (dict(attributes='annotation_id,age\n7,30\n'),
     'none of its annotations is in'),
    (dict(attributes='id,age\n7,30\n'), "row 1: 'annotation_id' is missing"),
    (dict(attributes='annotation_id,age\n1242217,1\n1242217,2\n'),
     'row 2: annotation 1242217 has a row already'),
    (dict(attributes={}), 'must be a list of dicts'),
    (dict(wholebody=dict(images=[])), "'annotations' must be there"),
    (dict(base=[]), 'base.json: .* must be a dict with images'),
])
def test_bad_files_end_in_one_line(merge, tmp_path, capsys, files, message):
    with pytest.raises(SystemExit) as end:
        merge(**files)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.search(message, lines[0])
    assert not list(tmp_path.glob('out.json*'))


def test_valid_wholebody_labels_must_be_there(merge, wholebody, capsys):
    del wholebody['annotations'][0]['foot_kpts']
    assert merge(wholebody=wholebody)
    with pytest.raises(SystemExit):
        merge('--version', 'v2', wholebody=wholebody)
    assert ("annotation 1242217: 'foot_kpts' is missing though foot_valid"
            in capsys.readouterr().err)


@pytest.mark.parametrize('options, message', [
    (['--number', '14'], 'there are 13 images'),
    (['--number', '0'], 'there are 13 images'),
    (['--split', '1.5', 'rest.json'], 'between 0 and 1'),
    (['--split', 'half', 'rest.json'], "must be a number, found 'half'"),
    (['--split', '0.01', 'rest.json'], 'leaves no image'),
    (['--images', 'absent.txt'], 'cannot read'),
])
def test_bad_options(merge, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as end:
        merge(*options)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob('out.json*'))


def test_unknown_images(merge, tmp_path, capsys):
    names = tmp_path / 'names.txt'
    names.write_text('nobody.jpg\n')
    with pytest.raises(SystemExit):
        merge('--images', str(names))
    assert "no image 'nobody.jpg'" in capsys.readouterr().err


def test_labels_of_other_images_are_reported(merge, coco, capsys):
    rows = [
        dict(annotation_id=coco['annotations'][0]['id'], age=9),
        dict(annotation_id=7, age=9)
    ]
    merge(attributes=rows)
    assert '1 annotations are not in' in capsys.readouterr().out
