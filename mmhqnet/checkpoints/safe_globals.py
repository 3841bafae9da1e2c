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

_DTYPES = ('float64', 'float32', 'int64', 'int32', 'uint32', 'bool')


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


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read MMEngine's checkpoints with ``weights_only``."""
    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return  # reads every checkpoint by default

    try:
        from numpy._core import multiarray
    except ImportError:  # NumPy 1
        from numpy.core import multiarray
    numpy_functions = [(function, f'{module}.multiarray.{function.__name__}')
                       for function in (multiarray._reconstruct,
                                        multiarray.scalar)
                       for module in ('numpy._core', 'numpy.core')]
    torch.serialization.add_safe_globals([
        HistoryBuffer, (_history_statistic, 'builtins.getattr'), slice,
        np.ndarray, np.dtype, *numpy_functions,
        *{type(np.dtype(name))
          for name in _DTYPES}
    ])
