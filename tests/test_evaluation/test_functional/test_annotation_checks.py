"""One line for each malformed field; many more in the tests of the files."""
import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation.functional.annotation_checks import (Entry, check_flag,
                                                             field_error,
                                                             is_number)

ENTRY = Entry('a.json', 'annotation', 7)


def test_what_is_a_number():
    for value in (1, 2.5, np.float32(1), np.int64(3), True):
        assert is_number(value)
    for value in (None, '1', [1], float('nan'), float('inf'), 10**400):
        assert not is_number(value)


def test_errors_name_file_id_and_field():
    assert str(
        field_error(ENTRY, 'age',
                    'is old')) == ("a.json: annotation 7: field 'age' is old")


def test_flags():
    assert check_flag({}, 'age', ENTRY)
    assert check_flag(dict(valid=dict(gender=0)), 'age', ENTRY)
    assert not check_flag(dict(valid=dict(age=0)), 'age', ENTRY)
    with pytest.raises(InputError, match="annotation 7: field 'valid'"):
        check_flag(dict(valid=[1]), 'age', ENTRY)
