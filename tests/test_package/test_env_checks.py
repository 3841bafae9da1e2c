import re
import sys
import zipfile

import pytest

MISSING = """Collecting shapely==99.0
ERROR: Could not find a version that satisfies the requirement shapely==99.0
ERROR: No matching distribution found for shapely==99.0
"""
CONFLICT = """ERROR: Cannot install mmdet because these package versions have \
conflicting dependencies.

The conflict is caused by:
    The user requested (constraint) mmdet==3.99
ERROR: ResolutionImpossible: for help visit somewhere
"""
NO_NETWORK = """WARNING: Retrying (Retry(total=0)) after connection broken by \
'NewConnectionError('Failed to establish a new connection')': /simple/six/
ERROR: Could not find a version that satisfies the requirement six
ERROR: No matching distribution found for six
"""
NO_MEMORY = """  [12/77] c++ -c roi_align.cpp
  c++: fatal error: Killed signal terminated program cc1plus
  compilation terminated.
  error: subprocess-exited-with-error
  note: This is an issue with the package mentioned above, not pip.
ERROR: Failed building wheel for mmcv
"""
NO_LIBRARY = """Traceback (most recent call last):
  File "<string>", line 1, in <module>
ImportError: libGL.so.1: cannot open shared object file
"""


@pytest.mark.parametrize('output, reason, advice', [
    (MISSING, 'No matching distribution found for shapely==99.0',
     'constraints.txt'),
    (CONFLICT, 'Cannot install mmdet', 'constraints.txt'),
    (NO_NETWORK, 'no package index answers',
     'check that pip can reach a package index'),
    (NO_MEMORY, 'Killed signal terminated program cc1plus', 'MAX_JOBS=1'),
    (NO_LIBRARY, 'ImportError: libGL.so.1', 'libgl1'),
    ('OSError: [Errno 28] No space left on device\n', 'No space left',
     'free some disk space'),
    ('one thing\nand another\n', 'and another', 'see the log'),
    ('', 'it wrote nothing', 'see the log'),
])
def test_diagnosis_is_one_line_with_advice(env_checks, output, reason, advice):
    found_reason, found_advice = env_checks.diagnose(output)
    assert reason in found_reason and '\n' not in found_reason
    assert not found_reason.startswith(('ERROR', 'error'))
    assert advice in found_advice


def test_pins_name_every_requirement(env_checks, root):
    folder = root / 'requirements'
    pins = env_checks.read_pins((folder / 'constraints.txt').read_text())
    pinned = {name.lower().replace('_', '-') for name in pins}
    for file in ('build', 'tests'):
        for line in (folder / f'{file}.txt').read_text().splitlines():
            name = line.split('#')[0].strip()
            assert not name or name.lower().replace('_', '-') in pinned
    assert {'torch', 'mmcv', 'mmcv-lite', 'mmdet', 'xtcocotools'} <= pinned
    assert int(pins['setuptools'].split('.')[0]) < 82


def test_users_torch_wins_over_the_pin(env_checks):
    pins = {'torch': '2.13.0', 'numpy': '2.4.6'}
    installed = {'torch': '2.8.0+cu128', 'torchvision': '0.23.0+cu128'}
    assert env_checks.keep_users_choice(pins, installed) == {
        'torch': '2.8.0+cu128',
        'torchvision': '0.23.0+cu128',
        'numpy': '2.4.6'
    }
    assert env_checks.keep_users_choice(pins, {}) == pins


def test_pins_name_every_requirement_of_the_lite_extra(env_checks, root):
    pins = env_checks.read_pins(
        (root / 'requirements' / 'constraints.txt').read_text())
    pinned = {name.lower().replace('_', '-') for name in pins}
    setup = (root / 'setup.py').read_text()
    lite = re.search(r'OPENMMLAB = \[(.*?)\n\]', setup, re.S)[1]
    assert set(re.findall(r"'([\w-]+)[><]", lite)) <= pinned


def test_every_distribution_of_mmcv_counts(env_checks, tmp_path):
    assert env_checks.mmcv_distributions(tmp_path) == []
    for name in ('mmcv-2.1.0', 'mmcv_lite-2.1.0', 'mmcv_geo-0.1.2'):
        (tmp_path / f'{name}.dist-info').mkdir()
    assert env_checks.mmcv_distributions(tmp_path) == ['mmcv', 'mmcv-lite']


def test_wheel_key_tells_builds_apart(env_checks):
    key = env_checks.wheel_key('2.13.0+cpu', '2.1.0', False, (3, 11))
    assert key == 'cp311-torch2.13.0+cpu-mmcv2.1.0'
    others = {
        env_checks.wheel_key('2.13.0+cu130', '2.1.0', False, (3, 11)),
        env_checks.wheel_key('2.13.0+cpu', '2.1.0', True, (3, 11)),
        env_checks.wheel_key('2.13.0+cpu', '2.0.1', False, (3, 11)),
        env_checks.wheel_key('2.13.0+cpu', '2.1.0', False, (3, 12)), key
    }
    assert len(others) == 5


def test_only_a_complete_mmcv_wheel_counts(env_checks, tmp_path):
    assert env_checks.compiled_mmcv(tmp_path / 'missing') is None
    wheel = tmp_path / 'mmcv-2.1.0-cp311-cp311-linux_x86_64.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('mmcv/__init__.py', '')
    assert env_checks.compiled_mmcv(tmp_path) is None  # without operators
    with zipfile.ZipFile(wheel, 'a') as archive:
        archive.writestr('mmcv/_ext.cpython-311.so', b'\0' * 1000)
    assert env_checks.compiled_mmcv(tmp_path) == wheel
    wheel.write_bytes(wheel.read_bytes()[:-100])
    assert env_checks.compiled_mmcv(tmp_path) is None  # truncated


def install(site_packages, name, files):
    """Write what pip leaves behind for a distribution."""
    dist_info = site_packages / f'{name}-1.0.dist-info'
    dist_info.mkdir(parents=True)
    (dist_info / 'METADATA').write_text(f'Name: {name}\n')
    for file in files:
        (site_packages / file).parent.mkdir(exist_ok=True)
        (site_packages / file).write_text('')
    (dist_info / 'RECORD').write_text(''.join(
        f'{file},sha256=x,0\n'
        for file in (*files, f'{name}/__pycache__/a.cpython-311.pyc')))
    return dist_info


def test_incomplete_distributions_are_found(env_checks, tmp_path):
    whole = install(tmp_path, 'whole', ['whole/a.py', '"whole/b,c.py"'])
    (tmp_path / 'whole' / 'b,c.py').write_text('')
    assert env_checks.broken_distributions(tmp_path) == []

    killed = install(tmp_path, 'killed', ['killed/a.py'])
    (killed / 'RECORD').unlink()
    cut = install(tmp_path, 'cut', ['cut/a.py', 'cut/b.py'])
    (tmp_path / 'cut' / 'b.py').unlink()
    (tmp_path / '~emoved').mkdir()
    found = env_checks.broken_distributions(tmp_path)
    assert set(found) == {killed, cut, tmp_path / '~emoved'}
    assert whole not in found


class FakeSysconfig(dict):

    def get_paths(self):
        return self

    def get_config_var(self, name):
        return 'cc'


def test_compiler_is_checked(env_checks, monkeypatch, tmp_path):
    good = tmp_path / 'cc'
    good.write_text('#!/bin/sh\n')
    good.chmod(0o755)
    (tmp_path / 'Python.h').write_text('')
    monkeypatch.setattr(env_checks, 'sysconfig',
                        FakeSysconfig(include=str(tmp_path)))
    monkeypatch.setenv('CC', str(good))
    monkeypatch.setenv('CXX', str(good))
    env_checks.check_compiler()

    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(env_checks.StepFailed, match=r'no C\+\+ compiler'):
        env_checks.check_compiler()

    broken = tmp_path / 'c++'
    broken.write_text('#!/bin/sh\necho "c++: error: broken" >&2; exit 1\n')
    broken.chmod(0o755)
    monkeypatch.setenv('CXX', str(broken))
    with pytest.raises(env_checks.StepFailed, match='does not compile'):
        env_checks.check_compiler()

    (tmp_path / 'Python.h').unlink()
    with pytest.raises(env_checks.StepFailed, match='headers of Python'):
        env_checks.check_compiler()


def test_torch_of_the_environment_is_not_the_hosts(env_checks, tmp_path):
    assert env_checks.host_torch(tmp_path / '.venv')
    from pathlib import Path
    assert env_checks.host_torch(Path(sys.prefix)) is None


@pytest.mark.parametrize('seconds, text', [(0.4, '0 s'), (59, '59 s'),
                                           (61.2, '1 min 1 s')])
def test_duration(env_checks, seconds, text):
    assert env_checks.duration(seconds) == text
