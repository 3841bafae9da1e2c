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


@pytest.fixture(scope='session')
def make_ops_env():
    return import_script('make_ops_env')


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose environment is an empty folder so far."""
    (tmp_path / 'requirements').mkdir()
    for path in (ROOT / 'requirements').iterdir():
        if path.suffix in ('.txt', '.py'):
            (tmp_path / 'requirements' / path.name).write_text(
                path.read_text())
    (tmp_path / 'setup.py').write_text('')
    return tmp_path


@pytest.fixture
def add_interpreter():
    """Let an environment run the Python of the tests."""

    def add_interpreter(environment):
        environment.python.parent.mkdir(parents=True)
        environment.python.symlink_to(sys.executable)
        environment.site_packages.mkdir(parents=True)

    return add_interpreter


@pytest.fixture
def environment(make_env, checkout, add_interpreter):
    """An environment with one step, which succeeds."""
    environment = make_env.Environment(checkout)
    environment.steps = {'one thing': lambda: 'found'}
    add_interpreter(environment)
    return environment
