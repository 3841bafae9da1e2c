"""Side-by-side measurement: fixed threads, warm-up, interleaved rounds."""
import ctypes
import gc
import os
import platform
import resource
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, NamedTuple, Optional

import torch


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        device (str): 'cpu' or 'cuda'.
        threads (int): Threads of PyTorch on the CPU.
        repeats (int): Rounds, besides one to warm up.
        quick (bool): Tiny models and inputs, to see that a row works; the
            ratios then mean nothing.
        precision (str): 'fp32', and on a GPU 'tf32', 'fp16' or 'bf16', the
            latter two by automatic mixed precision.
        batch_size (int): Images of a batch where the row is about a whole
            model, B1 and B11.
        return_memory (bool): Whether freed memory goes back to the system,
            see :func:`keep_memory`.
    """
    device: str = 'cpu'
    threads: int = 1
    repeats: int = 5
    quick: bool = False
    precision: str = 'fp32'
    batch_size: int = 1
    return_memory: bool = False

    def pick(self, full: Any, tiny: Any) -> Any:
        """One of two sizes, as ``quick`` says."""
        return tiny if self.quick else full

    @property
    def amp_dtype(self) -> Optional[torch.dtype]:
        """torch.dtype, optional: Of automatic mixed precision."""
        return dict(
            fp16=torch.float16, bf16=torch.bfloat16).get(self.precision)

    def apply(self) -> None:
        """Set what PyTorch keeps for the whole process."""
        torch.set_num_threads(self.threads)
        # Convolutions take TF32 by default.
        allow_tf32 = self.precision == 'tf32'
        torch.backends.cuda.matmul.allow_tf32 = allow_tf32
        torch.backends.cudnn.allow_tf32 = allow_tf32


def keep_memory() -> None:
    """Let the process keep the memory that it frees, where glibc does it.

    Large tensors would go back to the system at once, and come again with a
    page fault for every 4 KB: up to a tenth of the time of a model, on the one
    side or on the other, depending on what had run before.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    trim_threshold, mmap_max = -1, -4  # names of the parameters in malloc.h
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_max, 0)


class Timing(NamedTuple):
    """Medians in seconds: of the clock, and of the CPU time of all threads."""
    wall: float
    cpu: float


def interleave(sides: Dict[str, Callable[[], Any]],
               options: Options,
               repeats: Optional[int] = None,
               warm_up: bool = True) -> Dict[str, Timing]:
    """Time several sides in turn, so that all meet the same machine.

    Every other round runs backwards: no side is always the one after the
    other.

    Args:
        sides (dict[str, Callable]): What to time.
        options (Options): How to measure.
        repeats (int, optional): Rounds, by default those of the options.
        warm_up (bool): Run each side once before.

    Returns:
        dict[str, Timing]: Medians of each side.
    """
    for run in sides.values() if warm_up else ():
        run()
    times = {name: [] for name in sides}
    order = list(sides)
    gc.collect()
    gc.disable()  # a collection would hit whoever is running
    try:
        for _ in range(repeats or options.repeats):
            for name in order:
                times[name].append(_time(sides[name], options.device))
            order.reverse()
    finally:
        gc.enable()
    return {
        name: Timing(*map(statistics.median, zip(*rounds)))
        for name, rounds in times.items()
    }


def _time(run: Callable[[], Any], device: str) -> Timing:
    _wait_for(device)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    result = run()
    _wait_for(device)
    timing = Timing(time.perf_counter() - wall, _cpu_seconds() - cpu)
    del result  # freed outside of the measurement
    return timing


def _cpu_seconds() -> float:
    """CPU time of all threads, and of the processes that have ended."""
    usages = map(resource.getrusage,
                 (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _wait_for(device: str) -> None:
    if device == 'cuda':
        torch.cuda.synchronize()


def machine(options: Options) -> Dict[str, Any]:
    """What the figures depend on, to be quoted with them.

    Args:
        options (Options): How was measured.

    Returns:
        dict: Processor, cores, load, versions, and the options.
    """
    import mmcv
    import mmdet
    import mmengine

    import mmhqnet
    return dict(
        processor=_processor(),
        cores=os.cpu_count(),
        load_average=round(os.getloadavg()[0], 2),
        gpu=torch.cuda.get_device_name() if options.device == 'cuda' else None,
        python=platform.python_version(),
        torch=torch.__version__,
        mmengine=mmengine.__version__,
        mmcv=mmcv.__version__,
        mmdet=mmdet.__version__,
        mmhqnet=mmhqnet.__version__,
        date=time.strftime('%Y-%m-%d'),
        **asdict(options))


def _processor() -> str:
    try:
        with open('/proc/cpuinfo') as file:
            names = [line for line in file if line.startswith('model name')]
        return names[0].partition(':')[2].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
