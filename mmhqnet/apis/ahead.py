"""Reading ahead in a thread."""
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Iterable, Iterator

_END = object()


class ReadAhead:
    """Iterate over something that another thread reads in advance.

    At most ``size`` results wait. An error in the thread is raised here, in
    its place. :meth:`close`, or the end of the ``with`` block, stops the
    thread and closes what it reads.
    """

    def __init__(self, iterable: Iterable, size: int = 4) -> None:
        self._queue = Queue(size)
        self._stopped = Event()
        self._thread = Thread(
            target=self._read, args=(iter(iterable), ), daemon=True)
        self._thread.start()

    def _read(self, iterator: Iterator) -> None:
        try:
            for result in iterator:
                if not self._put((result, None)):
                    return
            self._put((_END, None))
        except BaseException as error:
            self._put((_END, error))
        finally:
            if hasattr(iterator, 'close'):
                iterator.close()

    def _put(self, result: Any) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(result, timeout=0.1)
                return True
            except Full:
                pass
        return False

    def __iter__(self) -> Iterator:
        while True:
            try:
                # A timeout, for a wait without end would block Ctrl-C.
                result, error = self._queue.get(timeout=0.1)
            except Empty:
                if self._stopped.is_set():
                    return
                continue
            if result is _END:
                self._stopped.set()
                if error is not None:
                    raise error
                return
            yield result

    def close(self) -> None:
        """Stop reading; wait for the thread, but not for a dead camera."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def __enter__(self) -> 'ReadAhead':
        return self

    def __exit__(self, *_) -> None:
        self.close()


def batches(results: Iterable, size: int) -> Iterator[list]:
    """Lists of ``size`` results; the last may be shorter."""
    batch = []
    for result in results:
        batch.append(result)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
