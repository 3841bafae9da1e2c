"""Counts what would make a GPU training wait for the device.

The host queues work for a GPU far ahead of it. A number that is read back, or
a result whose shape depends on data, makes the host wait until the queue is
empty. So does a copy of ordinary host memory to the device, though nothing
has to be computed for it; those are counted apart.
"""
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import Optional, Tuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

import mmhqnet

OURS = str(Path(mmhqnet.__file__).parent)
SITE_PACKAGES = (sysconfig.get_path('purelib'), sysconfig.get_path('platlib'))
HERE = __file__

# Operators whose result the host needs, be it a number or a shape.
_WAITING_OPERATORS = {
    'aten::_local_scalar_dense': 'item',
    'aten::nonzero': 'nonzero',
    'aten::masked_select': 'masked_select',
    'aten::_unique': 'unique',
    'aten::_unique2': 'unique',
    'aten::unique_dim': 'unique',
    'aten::unique_consecutive': 'unique',
    'aten::bincount': 'bincount',
    'aten::equal': 'equal',
}
# Methods that copy to the host without an operator.
_READING_METHODS = (Tensor.cpu, Tensor.numpy, Tensor.tolist)
_UPLOADS = (torch.tensor, torch.as_tensor, Tensor.new_tensor)


class DeviceWaits:
    """Context that counts the waits of what runs inside of it.

    It works on the CPU, where every tensor counts as one of the device, and
    on CUDA, where only those do that are there.

    Attributes:
        ours (Counter): Waits by (call, file:line) of mmhqnet's own lines.
        others (Counter): Waits of the libraries', also where we call them.
        our_uploads (Counter): Copies to the device by our lines.
        other_uploads (Counter): Copies to the device by other lines.
    """

    def __init__(self) -> None:
        self.ours, self.others = Counter(), Counter()
        self.our_uploads, self.other_uploads = Counter(), Counter()
        self._modes = (_ReadingCalls(self), _WaitingOperators(self))
        self._host = []

    def __enter__(self) -> 'DeviceWaits':
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*exception)

    def is_on_device(self, tensor: Tensor) -> bool:
        """Whether a tensor is, or on a GPU would be, on the device."""
        if torch.cuda.is_available():
            return tensor.is_cuda
        return not any(tensor is host for host in self._host)

    def count(self, call: str) -> None:
        """Count a wait of the line that is running."""
        self._count(call, self.ours, self.others)

    def count_upload(self, call: str) -> None:
        """Count a copy to the device by the line that is running."""
        self._count(call, self.our_uploads, self.other_uploads)

    @staticmethod
    def _count(call: str, ours: Counter, others: Counter) -> None:
        place = _responsible_line()
        if place is not None:
            is_ours, line = place
            (ours if is_ours else others)[call, line] += 1

    def to_host(self, tensor: Tensor) -> Tensor:
        """A copy that is known to be on the host from now on."""
        self._host.append(tensor.detach().clone())
        return self._host[-1]


def _responsible_line() -> Optional[Tuple[bool, str]]:
    """Whether the innermost line outside of torch is ours, and which it is."""
    frame = sys._getframe(1)
    torch_folder = str(Path(torch.__file__).parent)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(torch_folder):
            if 'optim' in Path(file).parts:
                return None  # step numbers, which live on the host
        elif file != HERE:
            name = file
            for folder in (*SITE_PACKAGES, str(Path(OURS).parent)):
                name = name.removeprefix(folder + '/')
            return file.startswith(OURS), f'{name}:{frame.f_lineno}'
        frame = frame.f_back
    return None


class _ReadingCalls(TorchFunctionMode):
    """Sees methods that read a tensor without an operator."""

    def __init__(self, waits: DeviceWaits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        waits = self.waits
        if func in _UPLOADS:
            data = args[1] if func is Tensor.new_tensor else args[0]
            if not isinstance(data, Tensor):
                waits.count_upload(func.__name__)
        reads = func in _READING_METHODS or _moves_to_host(func, args, kwargs)
        if reads and waits.is_on_device(args[0]):
            waits.count(resolve_name(func).rpartition('.')[2])
            if not torch.cuda.is_available() and func is not Tensor.tolist:
                host = waits.to_host(args[0])
                return host.numpy() if func is Tensor.numpy else host
        return func(*args, **kwargs)


def _moves_to_host(func, args: tuple, kwargs: dict) -> bool:
    if func is not Tensor.to:
        return False
    target = kwargs.get('device', args[1] if len(args) > 1 else None)
    is_device = isinstance(target, (str, torch.device))
    # On a machine without a GPU, a model on the CPU says so, too.
    return (is_device and torch.cuda.is_available()
            and torch.device(target).type == 'cpu')


class _WaitingOperators(TorchDispatchMode):
    """Sees operators that wait, also those called by other operators."""

    def __init__(self, waits: DeviceWaits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func._schema.name
        call = _WAITING_OPERATORS.get(name)
        if name == 'aten::repeat_interleave' and kwargs.get(
                'output_size') is None:
            call = 'repeat_interleave without output_size'
        if name in ('aten::index', 'aten::index_put', 'aten::index_put_',
                    'aten::_index_put_impl_') and any(
                        index is not None and index.dtype in (torch.bool,
                                                              torch.uint8)
                        for index in args[1]):
            call = 'boolean index'
        if call is not None and self.waits.is_on_device(args[0]):
            self.waits.count(call)
        return func(*args, **kwargs)
