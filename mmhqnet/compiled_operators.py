"""mmcv's compiled operators, or a module that stands in for them.

mmdet imports ``mmcv.ops``, which imports the extension ``mmcv._ext``, some
hundred operators that have to be compiled against the torch in place. HQNet
calls none of them on the CPU. Where the extension does not exist, as with
``mmcv-lite``, the import system finds the module of this file instead; an
operator that is really called says so.
"""
import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Callable, Optional

from .errors import InputError

EXTENSION = 'mmcv._ext'
HOW_TO_COMPILE = (
    'pip uninstall -y mmcv mmcv-lite && pip install "setuptools<82" wheel '
    'ninja && pip install --no-build-isolation --no-cache-dir mmcv==2.1.0')


def missing_operator(name: str) -> Callable:
    """An operator that is not there.

    Raises:
        AttributeError: ``name`` cannot be an operator. The function that is
            returned raises :class:`InputError` when it is called.
    """
    if name.startswith('_'):  # what the import system and debuggers ask for
        raise AttributeError(f'module {EXTENSION!r} has no attribute {name!r}')

    def operator(*args, **kwargs):
        raise InputError(
            f'the operator {name} of mmcv was called, but mmcv is installed '
            f'without its compiled operators; to compile it: {HOW_TO_COMPILE}')

    operator.__name__ = operator.__qualname__ = name
    return operator


class StandIn(MetaPathFinder, Loader):
    """Finds and fills ``mmcv._ext``, when everyone else has been asked."""

    def find_spec(self, fullname: str, *_) -> Optional[ModuleSpec]:
        if fullname == EXTENSION:
            return ModuleSpec(fullname, self, origin=__name__)
        return None

    def exec_module(self, module: ModuleType) -> None:
        # what collecting the environment asks for, in mmcv's words
        module.get_compiler_version = lambda: 'n/a'
        module.get_compiling_cuda_version = lambda: 'not available'
        module.__getattr__ = missing_operator


def has_compiled_operators() -> bool:
    """Whether mmcv's own extension is installed, not the stand-in."""
    spec = importlib.util.find_spec(EXTENSION)
    return spec is not None and not isinstance(spec.loader, StandIn)


def provide_operators() -> None:
    """Make ``mmcv.ops`` importable, whichever way mmcv is installed.

    The stand-in is the last finder of all, so that an extension that exists,
    also one installed later, always comes first.

    Raises:
        ImportError: The extension exists, but was compiled for another torch.
    """
    if not any(isinstance(finder, StandIn) for finder in sys.meta_path):
        sys.meta_path.append(StandIn())
    try:
        importlib.import_module(EXTENSION)
    except ImportError as error:
        import torch
        reason = str(error).splitlines()[0]
        raise ImportError(
            'the compiled operators of mmcv do not fit torch '
            f'{torch.__version__} ({reason}); compile them again, '
            f'{HOW_TO_COMPILE}, or do without: '
            'pip uninstall -y mmcv mmcv-lite && pip install mmcv-lite==2.1.0'
        ) from None
