"""What can be found out about an environment without changing it."""
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

PYTHONS = ((3, 11), (3, 12), (3, 13))
PYTHON = sys.version_info[:2]
USERS_CHOICE = ('torch', 'torchvision', 'mmcv')  # kept when installed
MMCVS = ('mmcv', 'mmcv-lite', 'mmcv-full', 'onedl-mmcv')  # the same files

REACH_INDEX = 'check that pip can reach a package index'
# what may be found in the log of a failed command, and what helps
ADVICE = (
    (r'No space left on device', 'free some disk space'),
    (r'Killed|internal compiler error',
     'not enough memory for compiling, try MAX_JOBS=1 make env-ops'),
    (r'ensurepip is not available', 'install the venv module of Python '
     f'(Debian: apt-get install python{PYTHON[0]}.{PYTHON[1]}-venv)'),
    (r'libGL\.so|libgthread|libglib', 'install the system library '
     '(Debian: apt-get install libgl1 libglib2.0-0)'),
    (r'operator torchvision::nms', 'torchvision does not fit torch: '
     'install the matching build of it, or uninstall it'),
    (r'name resolution|NewConnectionError|ConnectTimeout|Read timed out|'
     r'ProxyError|SSLError|Connection refused', REACH_INDEX),
    (r'No matching distribution found|ResolutionImpossible',
     'check the versions in requirements/constraints.txt and that pip can '
     'reach a package index'),
    (r'ModuleNotFoundError|ImportError',
     'if calling again does not help, delete .venv and call again'),
)
ERROR_LINE = re.compile(r'^\s*(?:ERROR: |error: |.*fatal error: |'
                        r'[\w.]*(?:Error|Exception): )')
NOTHING_FOUND = re.compile('No matching distribution|conflicting dependencies')
BORING_LINE = re.compile(r'subprocess-exited-with-error|note: |hint: |'
                         r'Failed building wheel|Failed to build|'
                         r'ResolutionImpossible')


class StepFailed(Exception):
    """A step cannot be done.

    Args:
        reason (str): What is wrong, in one line.
        advice (str): What to do about it.
    """

    def __init__(self, reason, advice='see the log'):
        super().__init__(reason)
        self.advice = advice


def diagnose(output):
    """Find out why a command failed.

    Args:
        output (str): What it wrote.

    Returns:
        tuple[str, str]: The line that says why, and what to do.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [
        line for line in lines
        if ERROR_LINE.match(line) and not BORING_LINE.search(line)
    ]
    reason = (errors or lines or ['it wrote nothing'])[-1]
    reason = re.sub(r'^(?:ERROR|error): ', '', reason).rstrip('.')
    for pattern, advice in ADVICE:
        if re.search(pattern, output):
            if advice == REACH_INDEX and NOTHING_FOUND.search(reason):
                reason = 'no package index answers'
            return reason, advice
    return reason, 'see the log'


def read_pins(text):
    """Read ``name==version`` lines.

    Args:
        text (str): Content of a constraints file.

    Returns:
        dict[str, str]: Versions by name.
    """
    lines = (line.split('#')[0].strip() for line in text.splitlines())
    return dict(line.split('==') for line in lines if line)


def keep_users_choice(pins, installed):
    """Replace pins by what the user has installed.

    Args:
        pins (dict[str, str]): Pinned versions by name.
        installed (dict[str, str]): Versions of what is there.

    Returns:
        dict[str, str]: Versions that pip is held to.
    """
    kept = {
        name: installed[name]
        for name in USERS_CHOICE if name in installed
    }
    return {**pins, **kept}


def wheel_key(torch, mmcv, with_cuda, python=PYTHON):
    """Name what a compiled mmcv depends on.

    Args:
        torch (str): Version of torch including its build, ``2.13.0+cpu``.
        mmcv (str): Version of mmcv.
        with_cuda (bool): Whether the CUDA operators are compiled.
        python (tuple[int]): Version of Python.

    Returns:
        str: Folder name, as ``cp311-torch2.13.0+cpu-mmcv2.1.0``.
    """
    key = f'cp{python[0]}{python[1]}-torch{torch}-mmcv{mmcv}'
    return f'{key}-cuda' if with_cuda else key


def compiled_mmcv(folder):
    """Find a complete mmcv wheel with compiled operators.

    Args:
        folder (Path): Where to look, may be missing.

    Returns:
        Path | None: The wheel. A truncated one does not count.
    """
    for wheel in sorted(folder.glob('mmcv-*.whl')):
        if zipfile.is_zipfile(wheel):
            names = zipfile.ZipFile(wheel).namelist()
            if any(name.startswith('mmcv/_ext.') for name in names):
                return wheel
    return None


def broken_distributions(site_packages):
    """Find what an interrupted pip or a deleted file left incomplete.

    pip writes ``RECORD``, the list of installed files, last.

    Args:
        site_packages (Path): The folder that pip installs into.

    Returns:
        list[Path]: ``dist-info`` folders without a record or with missing
        files, and the ``~`` folders of an interrupted removal.
    """
    broken = list(site_packages.glob('~*'))
    for dist_info in site_packages.glob('*.dist-info'):
        record = dist_info / 'RECORD'
        if not record.is_file() or not (dist_info / 'METADATA').is_file():
            broken.append(dist_info)
            continue
        with open(record, encoding='utf-8') as lines:
            files = (line.rsplit(',', 2)[0].strip('"') for line in lines)
            if not all(
                    os.path.lexists(site_packages / file)
                    for file in files if not file.endswith('.pyc')):
                broken.append(dist_info)
    return broken


def mmcv_distributions(site_packages):
    """Find the distributions that install the module mmcv.

    Args:
        site_packages (Path): The folder that pip installs into.

    Returns:
        list[str]: Their names. More than one overwrite each other's files.
    """
    return [
        name for name in MMCVS
        if any(site_packages.glob(f'{name.replace("-", "_")}-*.dist-info'))
    ]


def check_compiler():
    """Fail early, and not in the middle of compiling.

    Raises:
        StepFailed: No compiler or no headers of Python.
    """
    header = Path(sysconfig.get_paths()['include'], 'Python.h')
    if not header.is_file():
        raise StepFailed(
            f'the headers of Python are missing ({header})',
            'install them (Debian: apt-get install '
            f'python{PYTHON[0]}.{PYTHON[1]}-dev)')
    compilers = [('C', 'CC', sysconfig.get_config_var('CC') or 'cc', '-xc'),
                 ('C++', 'CXX', 'c++', '-xc++')]
    for language, variable, default, option in compilers:
        command = shlex.split(os.environ.get(variable) or default)
        if shutil.which(command[0]) is None:
            raise StepFailed(
                f'no {language} compiler ({command[0]}) found',
                f'install one (Debian: apt-get install g++) or set {variable}')
        options = [option, '-fsyntax-only', f'-I{header.parent}', '-']
        done = subprocess.run(
            command + options,
            input='#include <Python.h>\n',
            capture_output=True,
            text=True)
        if done.returncode:
            raise StepFailed(
                f'{command[0]} does not compile: {diagnose(done.stderr)[0]}',
                f'install a working {language} compiler')


def compile_jobs():
    """How many compilers may run at once: by cores, 2 GB of memory each."""
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return max(1, min(len(os.sched_getaffinity(0)), memory // 2**31))


def duration(seconds):
    """Write a duration as ``7 s`` or ``12 min 5 s``."""
    minutes, seconds = divmod(round(seconds), 60)
    return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'


def host_torch(venv):
    """Version of torch in the Python that runs this script, outside ``venv``.

    Args:
        venv (Path): The environment to make.

    Returns:
        str | None: The version, None without torch.
    """
    if Path(sys.prefix).resolve() == venv.resolve():
        return None
    try:
        return importlib.metadata.version('torch')
    except importlib.metadata.PackageNotFoundError:
        return None
