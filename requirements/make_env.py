"""Make or repair the environment ``.venv/`` that the Makefile works in.

Run it with Python 3.11; it needs the standard library only. Versions come
from ``constraints.txt``. torch and torchvision which are there already, in
``.venv/`` or in the Python that runs this script, are kept. mmcv is compiled
once per Python, torch and mmcv version; its wheel is kept in the user's cache.

Calling it again continues after an interruption, repairs what is broken, and
takes no time when there is nothing to do.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from env_checks import (PYTHON, USERS_CHOICE, StepFailed, broken_distributions,
                        check_compiler, compile_jobs, compiled_mmcv, diagnose,
                        duration, host_torch, keep_users_choice, read_pins,
                        wheel_key)

TORCH_MINIMUM = (2, 1)
HEARTBEAT = 30  # seconds between signs of life
CHECKED_IMPORTS = ('torch', 'mmcv.ops', 'mmdet.models', 'mmpose',
                   'pycocotools.mask', 'xtcocotools.mask', 'mmhqnet')


class Environment:
    """The environment of one checkout and the steps that make it.

    Args:
        root (Path): The checkout.
    """

    def __init__(self, root):
        self.root = root
        self.venv = root / '.venv'
        self.python = self.venv / 'bin' / 'python'
        self.site_packages = (
            self.venv / 'lib' / f'python{PYTHON[0]}.{PYTHON[1]}' /
            'site-packages')
        self.log_path = self.venv / 'make_env.log'
        self.stamp_path = self.venv / 'make_env.json'
        self.constraints = self.venv / 'constraints.txt'
        self.requirements = root / 'requirements'
        self.pins = read_pins(
            (self.requirements / 'constraints.txt').read_text())
        self.cache = Path(
            os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache',
            'mmhqnet', 'wheels')
        self.steps = {
            'interpreter in .venv': self.make_interpreter,
            'compiler': self.find_compiler,
            f'torch {self.pins["torch"]}': self.install_torch,
            'build tools': self.install_build_tools,
            'libraries': self.install_libraries,
            'mmdet and mmpose': self.install_openmmlab,
            'xtcocotools': self.install_xtcocotools,
            f'mmcv {self.pins["mmcv"]}': self.install_mmcv,
            'mmhqnet, editable': self.install_package,
            'check': self.check_imports,
        }

    # the whole

    def make(self):
        """Do every step, one line each, or nothing when all is there."""
        self.venv.mkdir(exist_ok=True)
        with open(self.venv / 'make_env.lock', 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print('waiting for another make env on .venv', flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_complete():
                return
            self.stamp_path.unlink(missing_ok=True)
            begin = time.monotonic()
            with open(self.log_path, 'w+', encoding='utf-8') as self.log:
                for number, (name, step) in enumerate(self.steps.items(), 1):
                    self.do(f'[{number}/{len(self.steps)}] {name}', step)
            self.stamp_path.write_text(json.dumps(self.state(), indent=1))
            print(
                f'environment .venv ready in '
                f'{duration(time.monotonic() - begin)}',
                flush=True)

    def do(self, title, step):
        """Do one step and print its line."""
        self.begin = time.monotonic()
        print(f'{title} ...', end=' ', flush=True)
        self.log.write(f'\n##### {title}\n')
        try:
            result = step()
        except (StepFailed, OSError) as error:
            print('failed', flush=True)
            advice = getattr(error, 'advice', 'see the log')
            raise SystemExit(
                f'make env failed at {title}: {error}. What to do: {advice}. '
                f'Log: {self.log_path}') from None
        except KeyboardInterrupt:
            print('interrupted', flush=True)
            raise SystemExit(f'make env was interrupted at {title}; '
                             'call it again to continue') from None
        spent = duration(time.monotonic() - self.begin)
        print(f'{result or "installed"} ({spent})', flush=True)

    def state(self):
        """What has to be unchanged for the environment to be complete."""
        sources = hashlib.sha256()
        for path in (*sorted(self.requirements.iterdir()),
                     self.root / 'setup.py'):
            if path.suffix in ('.txt', '.py'):
                sources.update(path.read_bytes())
        distributions = {
            path.name
            for path in self.site_packages.glob('*.dist-info')
        }
        return dict(
            root=str(self.root),
            sources=sources.hexdigest(),
            torch_of_host=host_torch(self.venv),
            distributions=sorted(distributions))

    def is_complete(self):
        """Whether an earlier call finished and nothing broke since."""
        try:
            before = json.loads(self.stamp_path.read_text())
        except (OSError, ValueError):
            return False
        now = self.state()
        # what the user has added is welcome
        added = set(now['distributions']) - set(before['distributions'])
        now['distributions'] = sorted(set(now['distributions']) - added)
        return (now == before and os.access(self.python, os.X_OK)
                and not broken_distributions(self.site_packages))

    # the steps

    def make_interpreter(self):
        """Create ``.venv`` or repair its interpreter and pip."""
        result = 'found'
        if not self.works('import sys; assert '
                          f'sys.version_info[:2] == {PYTHON}'):
            if self.works(''):
                raise StepFailed('.venv belongs to another version of Python',
                                 'delete .venv and call again')
            options = []
            if host_torch(self.venv):
                options = ['--system-site-packages']
            self.run([sys.executable, '-m', 'venv', *options, self.venv])
            if options and sys.prefix != sys.base_prefix:
                # the system's packages are not those of a virtual environment
                (self.site_packages / 'host.pth').write_text(
                    sysconfig.get_paths()['purelib'])
            result = 'created'
        for leftover in broken_distributions(self.site_packages):
            self.log.write(f'incomplete: {leftover.name}\n')
            self.hold_broken_choice(leftover)
            shutil.rmtree(leftover)
            result = 'repaired'
        if not self.works('import pip._internal.cli.main'):
            for folder in self.site_packages.glob('pip*'):
                shutil.rmtree(folder)
            self.run([self.python, '-m', 'ensurepip'])
        return result

    def hold_broken_choice(self, dist_info):
        """Reinstall the same version of the user's own torch."""
        name, _, version = dist_info.name[:-len('.dist-info')].partition('-')
        if name in USERS_CHOICE and version:
            self.pins[name] = version

    def find_compiler(self):
        """Look for a compiler when something has to be compiled."""
        if self.works('import mmcv.ops, xtcocotools.mask'):
            return 'not needed'
        check_compiler()
        return 'found'

    def install_torch(self):
        """Install torch before any other package can ask for it."""
        installed = self.installed()
        found = installed.get('torch')
        if found and tuple(map(int, found.split('.')[:2])) < TORCH_MINIMUM:
            minimum = '.'.join(map(str, TORCH_MINIMUM))
            raise StepFailed(
                f'torch {found} is older than {minimum}',
                f'upgrade it, or uninstall it to get {self.pins["torch"]}')
        self.pins = keep_users_choice(self.pins, installed)
        self.constraints.write_text(''.join(
            f'{name}=={version}\n' for name, version in self.pins.items()))
        if found:
            return f'{found} found'
        self.pip('install', f'torch=={self.pins["torch"]}')

    def install_build_tools(self):
        """Install what compiling without build isolation needs."""
        self.pip('install', '-r', self.requirements / 'build.txt')

    def install_libraries(self):
        """Install everything that comes as a wheel."""
        self.pip('install', '-r', self.requirements / 'base.txt', '-r',
                 self.requirements / 'tests.txt')

    def install_openmmlab(self):
        """Install mmdet and mmpose without what they ask for in vain."""
        self.pip('install', '--no-deps', '-r',
                 self.requirements / 'no_deps.txt')

    def install_xtcocotools(self):
        """Compile xtcocotools: its wheel does not import on NumPy 2."""
        if self.works('import xtcocotools.mask'):
            return 'found'
        self.pip('install', '--no-build-isolation', '--no-deps',
                 '--no-cache-dir', '--force-reinstall', '--no-binary',
                 'xtcocotools', 'xtcocotools')
        return 'compiled'

    def install_mmcv(self):
        """Install mmcv, compiled now or by an earlier call."""
        version = self.pins['mmcv']
        if self.works('import mmcv, mmcv.ops; '
                      f'assert mmcv.__version__ == {version!r}'):
            return 'found'
        torch, gpu, toolkit = self.ask(
            'import torch; from torch.utils.cpp_extension import CUDA_HOME; '
            'print(torch.__version__, int(torch.cuda.is_available()), '
            'int(bool(CUDA_HOME)))').split()
        with_cuda = gpu == toolkit == '1'
        if gpu > toolkit:
            print(
                '\n      GPU found, but no nvcc: compiling for the CPU only',
                end=' ',
                flush=True)
        folder = self.cache / wheel_key(torch, version, with_cuda)
        install = ('install', '--no-deps', '--force-reinstall')
        wheel = compiled_mmcv(folder)
        if wheel:
            self.pip(*install, wheel)
            if self.works('import mmcv.ops'):
                return 'installed from the cache'
        self.pip(*install, self.compile_mmcv(folder, with_cuda))
        return 'compiled'

    def compile_mmcv(self, folder, with_cuda):
        """Compile mmcv aside and move the finished wheel into the cache."""
        jobs = os.environ.get('MAX_JOBS') or str(compile_jobs())
        print(
            f'\n      compiling with {jobs} jobs, about ten minutes on two '
            f'cores, once: the wheel is kept in {folder}',
            end=' ',
            flush=True)
        environment = dict(os.environ, MMCV_WITH_OPS='1', MAX_JOBS=jobs)
        if not with_cuda:
            environment.update(FORCE_CUDA='0', CUDA_VISIBLE_DEVICES='')
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
                dir=self.cache, prefix='compiling-') as aside:
            environment['TMPDIR'] = aside  # nothing stays when killed
            # pip's own cache does not know which torch a wheel belongs to
            options = ('--verbose', '--no-build-isolation', '--no-deps',
                       '--no-cache-dir', '--no-binary', 'mmcv', '--wheel-dir')
            self.pip(
                'wheel',
                *options,
                aside,
                f'mmcv=={self.pins["mmcv"]}',
                environment=environment)
            wheel = compiled_mmcv(Path(aside))
            if wheel is None:
                raise StepFailed('mmcv was built without its operators')
            folder.mkdir(exist_ok=True)
            return wheel.replace(folder / wheel.name)

    def install_package(self):
        """Install the checkout itself."""
        self.pip('install', '--no-deps', '--no-build-isolation', '--editable',
                 self.root)

    def check_imports(self):
        """Import everything that can be broken."""
        self.run([self.python, '-c', f'import {", ".join(CHECKED_IMPORTS)}'])
        return 'all imports work'

    # commands

    def pip(self, command, *arguments, environment=None):
        """Call the environment's pip within the constraints."""
        self.run([
            self.python, '-m', 'pip', command, '--no-input',
            '--disable-pip-version-check', '--progress-bar', 'off',
            '--constraint', self.constraints, *arguments
        ], environment)

    def run(self, command, environment=None):
        """Run a command into the log, with a sign of life now and then.

        Raises:
            StepFailed: It ended with an error.
        """
        self.log.flush()
        start = self.log.seek(0, os.SEEK_END)
        # a session of its own, so that its compilers can be stopped with it
        with subprocess.Popen([os.fspath(part) for part in command],
                              stdin=subprocess.DEVNULL,
                              stdout=self.log,
                              stderr=subprocess.STDOUT,
                              env=environment or os.environ,
                              cwd=self.venv,
                              start_new_session=True) as process:
            try:
                while process.poll() is None:
                    try:
                        process.wait(HEARTBEAT)
                    except subprocess.TimeoutExpired:
                        self.show_life(start)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                raise
        if process.returncode < 0:
            raise StepFailed(
                f'killed by signal {-process.returncode}',
                'call again; if it was short of memory, with '
                'MAX_JOBS=1')
        if process.returncode:
            raise StepFailed(*diagnose(self.output_since(start)))

    def show_life(self, start):
        """Print the time spent and how far the compiler is."""
        spent = duration(time.monotonic() - self.begin)
        counts = re.findall(r'^ *\[(\d+/\d+)\]', self.output_since(start),
                            re.M)
        files = f', {counts[-1]} files compiled' if counts else ''
        print(f'\n      still at it, {spent}{files}', end=' ', flush=True)

    def output_since(self, start):
        """What the running command has written so far."""
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            log.seek(start)
            return log.read()

    def works(self, code):
        """Whether the environment's Python runs a piece of code."""
        try:
            return subprocess.run([self.python, '-c', code],
                                  stdout=self.log,
                                  stderr=subprocess.STDOUT,
                                  cwd=self.venv).returncode == 0
        except OSError:
            return False

    def ask(self, code):
        """What a piece of code prints in the environment's Python."""
        done = subprocess.run([self.python, '-c', code],
                              capture_output=True,
                              text=True,
                              cwd=self.venv)
        if done.returncode:
            raise StepFailed(*diagnose(done.stderr))
        return done.stdout

    def installed(self):
        """Versions of the user's choices that the environment sees."""
        return json.loads(
            self.ask('import importlib.metadata as m, json; '
                     'print(json.dumps({d.name: d.version '
                     'for d in list(m.distributions())[::-1] '
                     f'if d.name in {USERS_CHOICE}}}))'))


def main():
    """Make the environment of the checkout that this file belongs to."""
    if sys.version_info[:2] != PYTHON:
        wanted = '.'.join(map(str, PYTHON))
        raise SystemExit(
            f'make env needs Python {wanted}, this is '
            f'{sys.version.split()[0]} ({sys.executable}). What to do: '
            f'install Python {wanted} and call '
            f'make env PYTHON=/path/to/python{wanted}')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        Environment(Path(__file__).resolve().parent.parent).make()
    except KeyboardInterrupt:
        raise SystemExit('make env was interrupted') from None
    except OSError as error:
        raise SystemExit(f'make env failed: {error}') from None


if __name__ == '__main__':
    main()
