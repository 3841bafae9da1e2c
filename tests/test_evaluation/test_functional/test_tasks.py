import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation.functional.tasks import (attributes_of, check_names,
                                                 metrics_of)
from mmhqnet.structures.person_fields import FIELDS, resolve_fields


def test_names_are_checked():
    assert check_names('age', ('gender', 'age'), 'metric') == ['age']
    assert check_names(['age', 'gender'], ('gender', 'age'),
                       'metric') == ['age', 'gender']
    with pytest.raises(
            InputError,
            match="metric 'ages' is unknown; choose "
            'from gender, age'):
        check_names(['age', 'ages'], ('gender', 'age'), 'metric')


def test_rows_that_can_be_evaluated():
    assert metrics_of(FIELDS) == [
        'box', 'mask', 'pose', 'gender', 'age', 'face'
    ]
    table = resolve_fields(dict(weight=dict(type='number')))
    assert attributes_of(table) == ['gender', 'age', 'weight']
