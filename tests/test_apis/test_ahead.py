import threading
import time

import pytest

from mmhqnet.apis.ahead import ReadAhead


def test_all_results_in_order():
    with ReadAhead(range(50), size=3) as ahead:
        assert list(ahead) == list(range(50))
        assert list(ahead) == []
    with ReadAhead([]) as ahead:
        assert list(ahead) == []


def test_another_thread_reads_but_not_far():
    threads, count = set(), 0

    def source():
        nonlocal count
        while True:
            threads.add(threading.current_thread())
            count += 1
            yield count

    with ReadAhead(source(), size=3) as ahead:
        for number in ahead:
            time.sleep(0.01)
            assert count - number <= 4
            if number == 10:
                break
    assert threading.current_thread() not in threads
    assert not any(thread.is_alive() for thread in threads)


def test_an_error_comes_after_what_was_read():

    def source():
        yield 1
        raise ZeroDivisionError

    results = []
    with ReadAhead(source()) as ahead, pytest.raises(ZeroDivisionError):
        for result in ahead:
            results.append(result)
    assert results == [1]


def test_the_source_is_closed_in_any_case():
    closed = []

    def source():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    for leave in ('break', 'error', 'end'):
        with pytest.raises(KeyError) if leave == 'error' else ReadAhead([]):
            with ReadAhead(source(), size=2) as ahead:
                for number in ahead:
                    if number == 5 and leave == 'break':
                        break
                    if number == 5 and leave == 'error':
                        raise KeyError
    assert closed == [True] * 3
