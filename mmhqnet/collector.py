"""Python's garbage collector, where very many objects are made to stay."""
import gc
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def resting_collector() -> Iterator[None]:
    """Do not look for garbage meanwhile.

    Imports and the results of a whole data set make hardly any, but a
    collection begins after every few hundred new objects, and now and then
    looks through all that is there: a quarter of the time in which torch and
    mmdet are imported.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
