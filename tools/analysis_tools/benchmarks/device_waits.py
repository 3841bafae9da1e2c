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
TORCH = str(Path(torch.__file__).parent)

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


class DeviceWaits:
    """Context that counts the waits of what runs inside of it.

    On the CPU every tensor counts as one of the device, but for those that
    were copied to the host.

    Args:
        device (str): 'cpu' or 'cuda', where the model is.

    Attributes:
        ours (Counter): Waits by (call, file:line) of mmhqnet's own lines.
        others (Counter): Waits of the libraries', also where we call them.
        copies (Counter): Copies to the device by mmhqnet's own lines that
            are not asynchronous.
    """

    def __init__(self, device: str = 'cpu') -> None:
        self.device = device
        self.ours, self.others, self.copies = Counter(), Counter(), Counter()
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
        if self.device == 'cuda':
            return tensor.is_cuda
        return not any(tensor is host for host in self._host)

    def count(self, call: str) -> None:
        """Count a wait of the line that is running."""
        place = _responsible_line()
        if place is not None:
            is_ours, line = place
            (self.ours if is_ours else self.others)[call, line] += 1

    def count_copy(self, call: str) -> None:
        """Count a copy to the device, if the line that is running is ours."""
        place = _responsible_line()
        if place is not None and place[0]:
            self.copies[call, place[1]] += 1

    def to_host(self, tensor: Tensor) -> Tensor:
        """A copy that is known to be on the host from now on."""
        self._host.append(tensor.detach().clone())
        return self._host[-1]


def _responsible_line() -> Optional[Tuple[bool, str]]:
    """Whether the innermost line outside of torch is ours, and which it is."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(f'{TORCH}/optim'):
            return None  # numbers of steps, which live on the host
        if file != __file__ and not file.startswith(TORCH):
            name = file
            for folder in (*SITE_PACKAGES, str(Path(OURS).parent)):
                name = name.removeprefix(folder + '/')
            return file.startswith(OURS), f'{name}:{frame.f_lineno}'
        frame = frame.f_back
    return False, 'backward pass'


class _ReadingCalls(TorchFunctionMode):
    """Sees methods that read a tensor without an operator, and copies."""

    def __init__(self, waits: DeviceWaits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        waits = self.waits
        reads = func in _READING_METHODS
        if func is Tensor.to and (target := _target(args, kwargs)):
            reads = waits.device == 'cuda' and target.type == 'cpu'
            # Ordinary memory that is copied asynchronously is read at once.
            if not (reads or args[0].is_cuda or kwargs.get('non_blocking')):
                waits.count_copy('to')
        elif _makes_tensor_of_numbers(func, args, kwargs):
            waits.count_copy(func.__name__)
        if reads and waits.is_on_device(args[0]):
            waits.count(resolve_name(func).rpartition('.')[2])
            if waits.device == 'cpu' and func is not Tensor.tolist:
                host = waits.to_host(args[0])
                return host.numpy() if func is Tensor.numpy else host
        return func(*args, **kwargs)


def _target(args: tuple, kwargs: dict) -> Optional[torch.device]:
    """Device that ``Tensor.to`` is called with."""
    target = kwargs.get('device', args[1] if len(args) > 1 else None)
    if isinstance(target, (str, torch.device)):
        return torch.device(target)
    return None


def _makes_tensor_of_numbers(func, args: tuple, kwargs: dict) -> bool:
    """Whether Python numbers become a tensor of the device."""
    if func is Tensor.new_tensor:
        return not isinstance(args[1], Tensor)
    return (func in (torch.tensor, torch.as_tensor) and 'device' in kwargs
            and not isinstance(args[0], Tensor))


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
