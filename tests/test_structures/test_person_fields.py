"""The table of person fields: its rows, those of a config, how they move."""
import pickle

import numpy as np
import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.structures.person_fields import (FIELDS, STANDARD, fields_in,
                                              fields_of_config,
                                              fields_to_dicts, resolve_fields)

ADDED = dict(
    helmet=dict(type='category', classes=['none', 'helmet', 'cap']),
    height_cm=dict(type='number', error=5, text='{} cm'),
    feet=dict(type='points', num_points=2, flip_indices=[1, 0]),
    bag=dict(type='box', key='bag_box', flag='bags'))


@pytest.fixture
def table():
    return resolve_fields(ADDED)


def test_the_columns_that_others_rely_on():
    columns = {
        name: (field.gt_columns, field.pred_columns)
        for name, field in FIELDS.items()
    }
    assert columns == dict(
        box=(('bboxes', ), ('bboxes', 'scores')),
        mask=(('masks', 'mask_valid'), ('masks', 'mask_scores')),
        pose=(('keypoints', 'keypoints_visible'), ('keypoints',
                                                   'keypoint_scores')),
        area=(('areas', ), ('areas', )),
        gender=(('genders', ), ('genders', 'gender_scores')),
        age=(('ages', ), ('ages', )),
        face=(('face_boxes', 'face_valid'), ('face_boxes', 'face_scores')))
    assert STANDARD == ('box', 'mask', 'pose', 'gender', 'age')


def test_an_added_row_is_called_as_itself(table):
    helmet, height, feet, bag = (table[name] for name in ADDED)
    for field in (helmet, height, feet):
        assert field.key == field.flag == field.column == field.name
    assert (bag.key, bag.flag, bag.column) == ('bag_box', 'bags', 'bag')
    assert helmet.pred_columns == ('helmet', 'helmet_scores')
    assert height.gt_columns == height.pred_columns == ('height_cm', )
    assert feet.gt_columns == ('feet', 'feet_visible')
    assert bag.gt_columns == ('bag', 'bag_valid')
    assert feet.flip_indices == (1, 0) and feet.sigmas == (.1, .1)
    assert list(table)[:len(FIELDS)] == list(FIELDS)


def test_the_table_survives_checkpoints(table, tmp_path):
    """As the metainfo of a data set: plain, and the same afterwards."""
    torch.save(dict(person_fields=fields_to_dicts(table)), tmp_path / 'a.pth')
    meta = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert fields_in(meta) == table
    assert pickle.loads(pickle.dumps(table)) == table
    assert fields_in(dict(person_fields=table)) == table
    assert fields_in({}) == fields_in(None) == FIELDS


def test_old_checkpoints_tell_the_number_of_keypoints():
    pose = fields_in(dict(num_keypoints=14, sigmas=[.5] * 14))['pose']
    assert pose.num_points == 14 and pose.sigmas == (.5, ) * 14
    assert pose.column == 'keypoints'


def test_built_in_rows_can_be_adapted():
    table = resolve_fields(dict(gender=dict(key='sex'), age=dict(error=5)))
    assert table['gender'].key == 'sex'
    assert table['gender'].column == 'genders'
    assert table['age'].error == 5 and table['age'].top == 84


@pytest.mark.parametrize('row, message', [
    (dict(hat=dict(type='colour')), 'hat.*category, number, points, box'),
    (dict(hat=dict(classes=['a', 'b'])), "hat.*got None"),
    (dict(hat=dict(type='mask')), "hat.*got 'mask'"),
    (dict(hat=dict(type='category')), 'hat: must have two or more classes'),
    (dict(hat=dict(type='category', class_names=['a', 'b'])),
     "hat: unknown option 'class_names'; .*classes"),
    (dict(hat=dict(type='number', error=0)), 'hat: error must be a number'),
    (dict(feet=dict(type='points')), 'feet: num_points is 0'),
    (dict(feet=dict(type='points', num_points=2, flip_indices=[0, 0])),
     'feet: .*one of each'),
    (dict(scores=dict(type='number')), "another field is called 'scores'"),
    (dict(hat=dict(type='number', column='ages')), "called 'ages'"),
    (dict(labels=dict(type='number')), "called 'labels'"),
    ({
        'my hat': dict(type='number')
    }, 'must be an identifier'),
])
def test_rows_that_make_no_sense(row, message):
    with pytest.raises(InputError, match=f'person_fields.*{message}'):
        resolve_fields(row)


def test_reading(table):
    annotation = dict(
        helmet='cap',
        height_cm=181.5,
        feet=[1, 2, 2, 3, 4, 0],
        bag_box=[1, 2, 3, 4])
    assert table['helmet'].read(annotation) == 2
    assert table['height_cm'].read(annotation) == 181.5
    assert table['feet'].read(annotation).tolist() == [[1, 2, 2], [0, 0, 0]]
    assert table['bag'].read(annotation) == [1, 2, 4, 6]
    for unlabelled in ({},
                       dict(
                           annotation,
                           valid=dict.fromkeys(
                               ['helmet', 'height_cm', 'feet', 'bags'], 0))):
        columns = {}
        for name in ADDED:
            label = table[name].read(unlabelled)
            columns.update(table[name].load([label, None]))
        assert columns['helmet'].tolist() == [-1, -1]
        assert np.isnan(columns['height_cm']).all()
        assert not columns['feet_visible'].any()
        assert not columns['bag_valid'].any()


@pytest.mark.parametrize('name, dtype, shape', [
    ('helmet', np.int64, (0, )),
    ('height_cm', np.float32, (0, )),
    ('feet', np.float32, (0, 2, 2)),
    ('bag', np.float32, (0, 4)),
    ('age', np.int64, (0, )),
    ('area', np.float32, (0, )),
])
def test_columns_of_nobody(table, name, dtype, shape):
    field = table[name]
    column = field.load([])[field.column]
    assert column.dtype == dtype and column.shape == shape


def test_what_is_written_is_read_again(table):
    annotation = dict(
        helmet=1, height_cm=3., feet=[1, 2, 2, 3, 4, 1], bag_box=[1, 2, 3, 4])
    for name in ADDED:
        field = table[name]
        again = {field.key: field.unread(field.read(annotation))}
        assert again == {field.key: annotation[field.key]}
        again = {field.key: field.unread(field.read({}))}
        nothing = field.judge(again)
        assert not any(nothing) if name == 'feet' else nothing is None


def test_fields_of_a_config(tmp_path, table):
    path = tmp_path / 'config.py'
    path.write_text(f'person_fields = {ADDED}')
    assert fields_of_config(str(path)) == table
    assert fields_of_config(None,
                            dict(num_keypoints=5))['pose'].num_points == 5
    path.write_text('a = 1')
    with pytest.raises(InputError, match='config.py: has no dict'):
        fields_of_config(str(path))
    with pytest.raises(InputError, match='absent.py does not exist'):
        fields_of_config(str(tmp_path / 'absent.py'))
