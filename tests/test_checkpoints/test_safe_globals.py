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

    def __init__(self, function, *args):
        self.call = function, args

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
    torch.save(dict(attack=Attack(function, *args)), 'checkpoint.pth')
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        torch.load('checkpoint.pth')
    assert not os.path.exists('hacked')
