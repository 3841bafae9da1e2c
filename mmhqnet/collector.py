"""Python's garbage collector and the thousands of modules of the stack."""
import gc
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def resting_collector() -> Iterator[None]:
    """Import without looking for garbage meanwhile.

    Imports make hardly any, but a collection begins after every few hundred
    new objects, and now and then looks through all that is there: a quarter
    of the time in which torch and mmdet are imported.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
