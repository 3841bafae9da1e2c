"""Checkpoints of MMEngine are read although torch.load is restricted."""
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

import mmhqnet  # noqa: F401  allows the types

pytestmark = pytest.mark.skipif(
    tuple(map(int,
              torch.__version__.split('.')[:2])) < (2, 6),
    reason='torch.load is not restricted by default before 2.6')


def save_and_load(thing, folder):
    torch.save(thing, folder / 'checkpoint.pth')
    return torch.load(folder / 'checkpoint.pth')


def test_logged_history(tmp_path):
    history = HistoryBuffer([1.5, 2.5], [1, 1])
    history.update(3.5)
    loaded = save_and_load(dict(history=history), tmp_path)['history']
    assert loaded.mean() == 2.5 and loaded.current() == 3.5
    assert loaded.statistics('max') == 3.5


@pytest.mark.parametrize(
    'dtype', ['float32', 'float64', 'int32', 'int64', 'uint32', 'bool'])
def test_arrays_and_numbers(tmp_path, dtype):
    array = np.arange(3).astype(dtype)
    loaded = save_and_load(
        dict(array=array, number=array[1], part=slice(1, 2)), tmp_path)
    assert np.array_equal(loaded['array'], array)
    assert loaded['array'].dtype == array.dtype
    assert loaded['number'] == array[1] and loaded['part'] == slice(1, 2)


class Attack:

    def __init__(self, function, args, *state):
        self.call = function, args, *state

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('function, args', [
    (os.system, ('touch hacked', )),
    (getattr, (Path, 'unlink')),
    (getattr, (HistoryBuffer, '__init__')),
    (getattr, (np.ndarray, 'tofile')),
    (eval, ('1', )),
])
def test_restriction_stays_on(tmp_path, monkeypatch, function, args):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(attack=Attack(function, args)), 'checkpoint.pth')
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        torch.load('checkpoint.pth')
    assert not os.path.exists('hacked')


def forged_dtype(code, *state):
    """A number type that the file changes into one of objects."""
    return Attack(np.dtype, (code, False, True), state)


POINTERS = b'\x10' * 8
OBJECTS = Attack(np.dtype, ('O', ))
FIELDS = forged_dtype('f8', 3, '<', None, ('a', ), {'a': (OBJECTS, 0)}, 8, 8,
                      0)
SUBARRAY = forged_dtype('f8', 3, '|', (OBJECTS, (1, )), None, None, 8, 8, 0)
FLAGS = forged_dtype('O8', 3, '|', None, None, None, -1, -1, 0)


@pytest.mark.parametrize('dtype', [FIELDS, SUBARRAY, FLAGS, OBJECTS])
def test_arrays_of_forged_pointers_are_refused(tmp_path, dtype):
    reconstruct, arguments, _ = np.zeros(1).__reduce__()
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        save_and_load(
            Attack(reconstruct, arguments, (1, (1, ), dtype, False, POINTERS)),
            tmp_path)


def test_bytes_never_become_an_array_of_objects(tmp_path):
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        save_and_load(Attack(np.ndarray, ((1, ), 'O', POINTERS)), tmp_path)
    reconstruct = np.zeros(1).__reduce__()[0]
    array = save_and_load(
        Attack(reconstruct, (np.ndarray, (2, ), 'O')), tmp_path)
    assert array.dtype == np.int8 and array.size == 0
