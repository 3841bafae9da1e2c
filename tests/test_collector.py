import gc
import subprocess
import sys

import pytest

from mmhqnet.collector import resting_collector

START = '''
import atexit, gc
collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
atexit.register(lambda: print(gc.get_freeze_count()))  # the last to be called
from mmhqnet.__main__ import main
import mmhqnet.apis
print(len(collections))
main(['--version'])
'''


def test_the_collector_rests_inside_only():
    with resting_collector():
        assert not gc.isenabled()
        with resting_collector():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), resting_collector():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off():
    gc.disable()
    try:
        with resting_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_commands_look_for_no_garbage_among_what_they_import():
    done = subprocess.run([sys.executable, '-c', START],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    collections, _, frozen = done.stdout.split()
    assert int(collections) < 50  # without a rest there are thousands
    assert int(frozen) > 100_000  # torch and mmdet are among them
