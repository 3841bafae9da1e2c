import json

import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmhqnet.datasets.annotations.rules import (find_problems,
                                                read_annotation_file,
                                                runs_cover)
from mmhqnet.errors import InputError


def problems_of(content, extra_fields=(), **kwargs):
    return list(find_problems(content, 17, extra_fields, **kwargs))


def test_proper_annotations_have_no_problems(tiny, photos):
    assert problems_of(tiny) == []
    content = read_annotation_file(photos / 'person_keypoints.json')
    assert len(content['annotations']) == 67
    assert problems_of(content) == []


MALFORMED = [
    ('bbox', [1, 2, 3]),
    ('bbox', [1, 2, 3, 'x']),
    ('bbox', [1, 2, 3, float('nan')]),
    ('bbox', None),
    ('bbox', [1, 2, -3, 4]),
    ('area', None),
    ('area', '12'),
    ('area', -1),
    ('area', 10**400),  # JSON has no largest number
    ('iscrowd', 2),
    ('keypoints', [0] * 50),
    ('keypoints', [0] * 54),
    ('keypoints', 'none'),
    ('keypoints', ['0'] * 51),
    ('segmentation', 'none'),
    ('segmentation', [1, 2, 3, 4, 5, 6]),
    ('segmentation', dict(size=[80, 100])),
    ('segmentation', dict(size=[100, 80], counts='0')),
    ('segmentation', dict(size=[80, 100], counts=[0, 8])),
    ('segmentation', dict(size=[80, 100], counts=[-8, 8008])),
    ('segmentation', dict(size=[80, 100], counts=[0.5, 7999.5])),
    ('segmentation', dict(size=[80, 100], counts=[])),
    ('segmentation', dict(size=[80, 100], counts='88')),
    ('gender', 2),
    ('gender', 'female'),
    ('age', 300),
    ('age', -5),
    ('age', 85.5),
    ('age', '27'),
    ('age', True),
    ('valid', [1] * 8),
    ('valid', dict(gender=2)),
    ('image_id', 99),
    ('image_id', None),
    ('image_id', [1]),
    ('category_id', 99),
    ('category_id', {}),
    ('id', 12),
    ('id', None),
]


@pytest.mark.parametrize('field, value', MALFORMED)
def test_each_malformed_field_is_one_problem(tiny, field, value):
    annotation = tiny['annotations'][0]
    annotation[field] = value
    problem, = problems_of(tiny)
    # Where an id is used twice, the second use is at fault.
    assert problem.id == (12 if value == 12 else annotation['id'])
    assert (problem.section, problem.field) == ('annotation', field)
    assert '\n' not in str(problem) and f"'{field}'" in str(problem)


@pytest.mark.parametrize('field',
                         ['id', 'image_id', 'category_id', 'bbox', 'area'])
def test_each_missing_field_is_one_problem(tiny, field):
    del tiny['annotations'][0][field]
    problem, = problems_of(tiny)
    assert (problem.section, problem.field) == ('annotation', field)
    assert str(problem).endswith('found nothing')


@pytest.mark.parametrize('field, value', [
    ('keypoints', None),
    ('segmentation', None),
    ('segmentation', []),
    ('gender', -1),
    ('gender', None),
    ('age', -1),
    ('age', 0),
    ('age', 85),
    ('valid', dict(something_new=0)),
    ('valid', None),
])
def test_what_is_tolerated(tiny, field, value):
    tiny['annotations'][0][field] = value
    assert problems_of(tiny) == []


@pytest.mark.parametrize('polygons', [[[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]])
def test_degenerate_polygons_are_tolerated_but_known(tiny, polygons):
    tiny['annotations'][0]['segmentation'] = polygons
    assert problems_of(tiny) == []
    problem, = problems_of(tiny, strict=True)
    assert (problem.id, problem.field) == (11, 'segmentation')


@pytest.mark.parametrize('field, value, change', [
    ('bbox', [100, 20, 40, 50], {}),
    ('bbox', [10, -51, 40, 50], {}),
    ('keypoints', [20, 30, 3] + [0] * 48, {}),
    ('num_keypoints', 5, {}),
    ('gender', None, {}),
    ('age', -1, {}),
    ('face_box', None, dict(valid=dict(face=1))),
    ('smpl', None, dict(valid=dict(smpl=1))),
])
def test_contradictions_are_tolerated_but_known(tiny, field, value, change):
    tiny['annotations'][0].update(change)
    assert change or problems_of(tiny, strict=True) == []
    tiny['annotations'][0][field] = value
    assert problems_of(tiny) == []
    problem, = problems_of(tiny, strict=True)
    assert (problem.id, problem.field) == (11, field)


def test_boxes_may_reach_out_of_the_image(tiny):
    tiny['annotations'][0]['bbox'] = [-30, 79, 400, 500]
    assert problems_of(tiny, strict=True) == []


def test_other_categories(tiny):
    tiny['categories'] = [dict(id=1, name='face')]
    tiny['annotations'][0]['area'] = None
    problem, = problems_of(tiny, classes=('face', ))
    assert (problem.id, problem.field) == (11, 'area')
    problem, = problems_of(tiny)
    assert "must have a category named 'person'" in str(problem)


@pytest.mark.parametrize('flag, field, value', [
    ('gender', 'gender', 7),
    ('age', 'age', 300),
    ('keypoints_2d', 'keypoints', []),
    ('segmentation', 'segmentation', 'none'),
    ('bboxes', 'bbox', []),
])
def test_labels_that_are_not_valid_are_not_looked_at(tiny, flag, field, value):
    annotation = tiny['annotations'][0]
    annotation[field] = value
    assert len(problems_of(tiny)) == 1
    annotation['valid'][flag] = 0
    assert problems_of(tiny) == []


@pytest.mark.parametrize('field, good, bad', [
    ('face_box', [1, 2, 3, 4], [1, 2, 3]),
    ('foot_kpts', [0] * 18, [0] * 17),
    ('smpl', dict(pose=[0.] * 72, betas=[0.] * 10), dict(pose=[0.] * 72)),
])
def test_extra_fields_are_looked_at_when_asked_for(tiny, field, good, bad):
    tiny['annotations'][1][field] = good
    assert problems_of(tiny, extra_fields=(field, )) == []
    tiny['annotations'][1][field] = bad
    assert problems_of(tiny) == []
    problem, = problems_of(tiny, extra_fields=(field, ))
    assert (problem.id, problem.field) == (12, field)


@pytest.mark.parametrize('field, value', [('file_name', None), ('height', 0),
                                          ('width', '100'), ('id', 1)])
def test_malformed_images(tiny, field, value):
    tiny['images'][2][field] = value
    problem, = problems_of(tiny)
    assert (problem.section, problem.field) == ('image', field)


def test_other_categories_are_not_judged(tiny):
    tiny['categories'].append(dict(id=2, name='dog'))
    tiny['annotations'].append(dict(id=15, image_id=1, category_id=2))
    assert problems_of(tiny) == []


@pytest.mark.parametrize('content', [[], None, 'text', 3])
def test_content_must_be_a_dict(content):
    problem, = problems_of(content)
    assert problem.field == 'content'


@pytest.mark.parametrize('section', ['images', 'annotations', 'categories'])
def test_missing_sections(tiny, section):
    del tiny[section]
    problem, = problems_of(tiny)
    assert problem.field == section


def test_no_person_category(tiny):
    tiny['categories'] = [dict(id=1, name='dog')]
    problem, = problems_of(tiny)
    assert problem.field == 'categories' and "'person'" in str(problem)


def test_entries_that_are_not_dicts(tiny):
    tiny['images'].append(7)
    tiny['annotations'].append([])
    assert [p.section for p in problems_of(tiny)] == ['image', 'annotation']


def test_all_problems_of_a_file_are_found(tiny):
    tiny['annotations'][0].update(age=300, gender=5)
    tiny['annotations'][1].update(bbox=[])
    assert [(p.id, p.field) for p in problems_of(tiny)] == [(11, 'gender'),
                                                            (11, 'age'),
                                                            (12, 'bbox')]


def random_codes(rng):
    """Numbers of pixels and compressed codes of masks of all kinds."""
    for density in (0, .01, .5, .99, 1):
        for _ in range(10):
            height, width = rng.integers(1, 200, 2)
            mask = (rng.random((height, width)) < density).astype(np.uint8)
            rle = mask_utils.encode(np.asfortranarray(mask))
            yield height * width, rle


def test_run_length_codes_of_pycocotools():
    for num_pixels, rle in random_codes(np.random.default_rng(0)):
        assert runs_cover(rle['counts'], num_pixels)
        assert runs_cover(rle['counts'].decode(), num_pixels)
        assert not runs_cover(rle['counts'], num_pixels + 1)


@pytest.mark.parametrize(
    'counts',
    [
        '',
        'zzzz',  # not of these characters
        'PPPP',  # a number that never ends
        '88',  # 16 pixels of 600
        'hello world',  # a blank is no such character
        'Größe',
        'N0',  # -2 pixels first
        'P' * 100 + '0',  # a number of 500 bits
        [],
        [-1, 601],
        [600.],
        [True, 599],
        ['600'],
    ])
def test_no_run_length_code_of_600_pixels(counts):
    assert runs_cover([0, 300, 300], 600)
    assert not runs_cover(counts, 600)


def test_damaged_run_length_codes():
    rng = np.random.default_rng(1)
    passed = 0
    for num_pixels, rle in random_codes(rng):
        counts = bytearray(rle['counts'])
        counts[rng.integers(len(counts))] = rng.integers(40, 120)
        if runs_cover(bytes(counts), num_pixels):  # so pycocotools can
            passed += 1
            mask_utils.decode(dict(rle, counts=bytes(counts)))
        assert not runs_cover(rle['counts'][:-1], num_pixels)
    assert passed < 25


def test_reading(tmp_path):
    path = tmp_path / 'a.json'
    with pytest.raises(InputError, match=r'cannot read .*a\.json.*No such'):
        read_annotation_file(path)
    path.write_text('{"images": [')
    with pytest.raises(InputError, match=r'a\.json is not JSON'):
        read_annotation_file(path)
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(InputError, match=r'a\.json is not JSON'):
        read_annotation_file(path)
    path.write_text(json.dumps({}))
    assert read_annotation_file(path) == {}
