import re

import pytest

from mmhqnet.datasets.annotations.rules import find_problems
from mmhqnet.errors import InputError
from mmhqnet.evaluation import GroundTruth
from mmhqnet.files import read_json
from mmhqnet.structures.person_fields import resolve_fields


def problems_of(content, extra_fields=(), **kwargs):
    return list(find_problems(content, extra_fields=extra_fields, **kwargs))


def test_proper_annotations_have_no_problems(tiny, photos):
    assert problems_of(tiny) == []
    content = read_json(photos / 'person_keypoints.json')
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
    ('gender', 'f'),
    ('face_box', [1, 2, 3]),
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
    ('gender', 'female'),
    ('face_box', [0, 0, 0, 0]),
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
    ('lefthand_box', [1, 2, 3, 4], [1, 2, 3]),
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


ADDED = resolve_fields(
    dict(
        helmet=dict(type='category', classes=('none', 'helmet')),
        height_cm=dict(type='number', low=30),
        feet=dict(type='points', num_points=2),
        bag=dict(type='box')))


@pytest.mark.parametrize('field, good, bad, rule', [
    ('helmet', 1, 2, r'0 \(none\) or 1 \(helmet\)'),
    ('helmet', 'helmet', 'cap', r'0 \(none\) or 1 \(helmet\)'),
    ('height_cm', 180.5, 20, 'a number from 30'),
    ('feet', [1, 2, 2, 0, 0, 0], [1, 2, 2], '6 numbers'),
    ('bag', [1, 2, 3, 4], [1, 2, -3, 4], 'negative'),
])
def test_added_fields_have_rules(tiny, field, good, bad, rule):
    tiny['annotations'][0][field] = bad
    assert problems_of(tiny) == []
    problem, = problems_of(tiny, fields=ADDED)
    assert (problem.id, problem.field) == (11, field)
    assert re.search(rule, problem.rule)
    tiny['annotations'][0][field] = good
    assert problems_of(tiny, fields=ADDED, strict=True) == []
    tiny['annotations'][0]['valid'][field] = 1
    tiny['annotations'][0][field] = None
    found = [p.field for p in problems_of(tiny, fields=ADDED, strict=True)]
    assert found == [field] * (field != 'feet')


def test_the_oldest_person_is_the_same_for_all(tiny):
    """One limit of age for training and evaluation, that of the format."""
    for age, is_proper in ((85, True), (86, False)):
        tiny['annotations'][0]['age'] = age
        assert (problems_of(tiny) == []) == is_proper
        try:
            GroundTruth(tiny)
        except InputError as error:
            assert not is_proper and 'from 0 to 85' in str(error)
        else:
            assert is_proper
