"""Access to the scripts that make the environment."""
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def root():
    return ROOT


def import_script(name):
    sys.path.insert(0, str(ROOT / 'requirements'))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


@pytest.fixture(scope='session')
def env_checks():
    return import_script('env_checks')


@pytest.fixture(scope='session')
def make_env():
    return import_script('make_env')
