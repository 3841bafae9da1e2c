"""The files of a toy data set, without drawing one."""
import json

import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.toy.dataset import (OPTIONS_FILE, annotation_file,
                                 check_replaceable, drop_attributes,
                                 is_complete)

OPTIONS = dict(num_train=1, num_val=0)


@pytest.fixture
def complete(tmp_path):
    out = tmp_path / 'toy'
    for split in ('train', 'val'):
        (out / 'images' / split).mkdir(parents=True)
        annotation_file(out, split).parent.mkdir(exist_ok=True)
        annotation_file(out, split).write_text('{}')
    (out / 'images/train/1.jpg').write_text('')
    (out / OPTIONS_FILE).write_text(json.dumps(OPTIONS))
    return out


def test_complete_means_all_files_of_the_same_options(complete):
    assert is_complete(complete, OPTIONS)
    assert not is_complete(complete, dict(OPTIONS, num_val=1))
    (complete / 'images/train/1.jpg').unlink()
    assert not is_complete(complete, OPTIONS)
    assert not is_complete(complete / 'nowhere', OPTIONS)


def test_only_own_folders_are_replaced(complete):
    check_replaceable(complete)
    check_replaceable(complete / 'nowhere')
    (complete / 'diary.txt').write_text('')
    with pytest.raises(InputError, match='holds other things'):
        check_replaceable(complete)
    with pytest.raises(InputError, match='is a file'):
        check_replaceable(complete / 'diary.txt')


def test_attributes_are_dropped_with_their_flags():
    for fraction, left in ((0, 2), (1, 0)):
        person = dict(gender=1, age=30, valid=dict(gender=1, age=1, bboxes=1))
        drop_attributes(person, np.random.default_rng(0), fraction)
        assert sum(name in person for name in ('gender', 'age')) == left
        assert sum(person['valid'].values()) == 1 + left
