"""Categories and numbers: where they do not go, and how they are printed."""
import numpy as np
import pytest

from mmhqnet.structures.person_fields import Motion, resolve_fields


@pytest.fixture
def table():
    return resolve_fields(
        dict(
            helmet=dict(type='category', classes=['none', 'helmet', 'cap']),
            height_cm=dict(type='number', error=5, text='{} cm'),
            feet=dict(type='points', num_points=2)))


def test_what_has_no_place_does_not_move(table):
    turn = Motion(np.diag([-1., -1, 1]), (100, 80), False, np.ones(1))
    for name in ('helmet', 'height_cm', 'gender', 'age'):
        assert table[name].move({name: np.zeros(1)}, turn) == {}


@pytest.mark.parametrize('name, value, words, printed', [
    ('gender', 1, 'F', 1),
    ('gender', -1, '?', -1),
    ('age', 26.5, '27', 26.5),
    ('age', -1, '?', -1),
    ('helmet', 0, 'none', 'none'),
    ('helmet', -1, '?', -1),
    ('height_cm', 181.4, '181 cm', 181.4),
    ('height_cm', np.nan, '?', None),
    ('feet', [[1, 2]], None, [[1, 2]]),
])
def test_words_and_json(table, name, value, words, printed):
    assert table[name].words(value) == words
    if printed is not None:
        assert table[name].printed(value) == printed


@pytest.mark.parametrize('error, right', [(4, False), (5, True)])
def test_right_or_wrong(table, error, right):
    predicted, label = np.array([184.5]), np.array([180.])
    assert table['height_cm'].is_right(predicted, label, error) == [right]
    helmets = np.array([0, 1, 2]), np.array([0., 2, 2])
    assert table['helmet'].is_right(*helmets,
                                    None).tolist() == [True, False, True]
