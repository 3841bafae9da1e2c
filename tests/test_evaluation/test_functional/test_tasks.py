import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation.functional.tasks import KINDS, check_names


def test_names_are_checked():
    assert check_names('age', ('gender', 'age'), 'metric') == ['age']
    assert check_names(['age', 'gender'], ('gender', 'age'),
                       'metric') == ['age', 'gender']
    with pytest.raises(
            InputError,
            match="metric 'ages' is unknown; choose "
            'from gender, age'):
        check_names(['age', 'ages'], ('gender', 'age'), 'metric')


def test_a_kind_of_result_stands_once():
    assert len(set(KINDS)) == len(KINDS)
