"""What PyTorch's restricted unpickler must know to read our checkpoints.

From PyTorch 2.6 on, ``torch.load`` only builds objects on an allow list.
Checkpoints written by MMEngine hold the history of the logged values (NumPy
arrays inside a ``HistoryBuffer``), which is not on that list, so that neither
resuming nor loading works. Allowing these few types keeps the restriction,
which stops a hostile checkpoint from running code, switched on.
"""
import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

_DTYPES = {
    np.dtype(name).str.lstrip('<>|='): np.dtype(name)
    for name in ('float64', 'float32', 'int64', 'int32', 'uint32', 'bool')
}


def _history_statistic(owner, name: str):
    """``getattr`` limited to what a ``HistoryBuffer`` refers to.

    A pickled ``HistoryBuffer`` names its statistics, such as
    ``HistoryBuffer.mean``, through ``getattr``. The real ``getattr`` would
    give a hostile file a way to any function.
    """
    if owner is not HistoryBuffer or name.startswith('_'):
        raise ValueError(
            f'the checkpoint asks for the attribute {name!r} of {owner!r}, '
            'which no checkpoint of MMEngine does: do not trust this file')
    return getattr(owner, name)


def _number_dtype(code: str, *_) -> np.dtype:
    """``numpy.dtype`` limited to numbers in this machine's byte order.

    A pickled array names its type through ``numpy.dtype(code, False, True)``
    and then sets fields and flags. The real function gives a copy of which a
    hostile file can forge both, so that NumPy takes the file's bytes for
    pointers to objects. NumPy's own instances, given here, cannot be set.
    """
    if code not in _DTYPES:
        raise ValueError(
            f'the checkpoint asks for an array of {code!r}, which no '
            'checkpoint of MMEngine does: do not trust this file')
    return _DTYPES[code]


def _empty_array(*_) -> np.ndarray:
    """NumPy's ``_reconstruct``: an array to be filled from the file."""
    return np.ndarray(0, 'b')


def _refuse_array(*_) -> None:
    """``numpy.ndarray``, which only ``_reconstruct`` is given.

    Called with a buffer, the real one would make pointers of bytes.
    """
    raise ValueError('the checkpoint makes an array of a buffer, which no '
                     'checkpoint of MMEngine does: do not trust this file')


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read MMEngine's checkpoints with ``weights_only``."""
    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return  # reads every checkpoint by default

    try:
        from numpy._core import multiarray
    except ImportError:  # NumPy 1
        from numpy.core import multiarray
    numpy_functions = [(function, f'{module}.multiarray.{name}')
                       for function, name in ((_empty_array, '_reconstruct'),
                                              (multiarray.scalar, 'scalar'))
                       for module in ('numpy._core', 'numpy.core')]
    # Only an instance of an allowed type can be filled from the file. No
    # pickle can spell a name with a line break, so none can call this one.
    unnamed_array = (np.ndarray, 'numpy.\nndarray')
    torch.serialization.add_safe_globals([
        HistoryBuffer, (_history_statistic, 'builtins.getattr'), slice,
        (_refuse_array, 'numpy.ndarray'), unnamed_array,
        (_number_dtype, 'numpy.dtype'), *numpy_functions,
        *{type(dtype)
          for dtype in _DTYPES.values()}
    ])
