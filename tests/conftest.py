"""Runs before anything imports torch."""
import os
from pathlib import Path

import pytest

# The tests' tensors are too small to gain from threads, which wait for each
# other on a busy machine. The tools that tests start inherit it.
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture
def photos():
    """Folder with 13 real photos and ``person_keypoints.json``."""
    return Path(__file__).parent / 'data' / 'coco_ccby'
