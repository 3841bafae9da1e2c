"""What the arithmetic says."""
from typing import Any, Callable

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class _MacCounter(TorchDispatchMode):
    # NOTE PyTorch's FlopCounterMode also keeps track of modules, which fails
    # on models that are run without gradients.
    flops = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        flops = flop_registry.get(func._overloadpacket)
        if flops is not None:
            self.flops += flops(*args, **(kwargs or {}), out_val=result)
        return result


def count_macs(run: Callable[[], Any]) -> int:
    """Multiply-accumulates of the matrix products and convolutions.

    Sampling in deformable attention, which is bound by memory, is left out.

    Args:
        run (Callable): What to count; it is run once.

    Returns:
        int: Number of multiply-accumulates.
    """
    with _MacCounter() as counter:
        run()
    return counter.flops // 2


def mac_limit(over: int, under: int) -> str:
    """The ratio of two amounts of work in words.

    Args:
        over (int): Multiply-accumulates that are divided.
        under (int): What they are divided by.

    Returns:
        str: Such as '1.22 (207.8 / 170.1 GMAC)'.
    """
    return (f'{over / under:.3g} '
            f'({over / 1e9:,.4g} / {under / 1e9:,.4g} GMAC)')
