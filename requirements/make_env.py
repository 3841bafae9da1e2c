"""Make or repair the environment that the Makefile works in.

    python make_env.py [FOLDER]

It needs Python 3.11, 3.12 or 3.13, its standard library and a package index,
and no compiler: mmcv comes as ``mmcv-lite``, without compiled operators.
Versions come from ``constraints.txt``. torch, torchvision and a compiled mmcv
which are there already, in the folder or (torch) in the Python that runs this
script, are kept.

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
import time
from pathlib import Path

from env_checks import (PYTHON, PYTHONS, USERS_CHOICE, StepFailed,
                        broken_distributions, diagnose, duration, host_torch,
                        keep_users_choice, mmcv_distributions, read_pins)

TORCH_MINIMUM = (2, 1)
HEARTBEAT = 30  # seconds between signs of life
CHECKED_IMPORTS = 'torch, pycocotools.mask, mmhqnet.models, mmhqnet.apis'
COMPILED_MMCV = ("import importlib.metadata, torch, mmcv._ext; "
                 "assert '2.0' < importlib.metadata.version('mmcv') < '2.2'")


class Environment:
    """An environment for one checkout and the steps that make it.

    Args:
        root (Path): The checkout.
        venv (Path): The folder to make, by default ``.venv``.
    """

    command = 'make env'

    def __init__(self, root, venv=None):
        self.root = root
        self.venv = venv or root / '.venv'
        self.python = self.venv / 'bin' / 'python'
        self.site_packages = (
            self.venv / 'lib' / f'python{PYTHON[0]}.{PYTHON[1]}' /
            'site-packages')
        self.lock_path = self.venv / 'make_env.lock'
        self.log_path = self.venv / 'make_env.log'
        self.stamp_path = self.venv / 'make_env.json'
        self.constraints = self.venv / 'constraints.txt'
        self.requirements = root / 'requirements'
        self.pins = read_pins(
            (self.requirements / 'constraints.txt').read_text())
        self.log = subprocess.DEVNULL  # until there is a folder
        self.steps = {
            f'interpreter in {self.venv.name}': self.make_interpreter,
            f'torch {self.pins["torch"]}': self.install_torch,
            'mmhqnet and what it needs': self.install_package,
            'what the tests need': self.install_tests,
            'check': self.check_imports,
        }

    # the whole

    def make(self):
        """Do every step, one line each, or nothing when all is there."""
        self.refuse_foreign_folder()
        self.venv.mkdir(exist_ok=True)
        with open(self.lock_path, 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f'waiting for another {self.command}', flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_complete():
                return
            self.stamp_path.unlink(missing_ok=True)
            begin = time.monotonic()
            with open(self.log_path, 'w+', encoding='utf-8') as self.log:
                for number, (name, step) in enumerate(self.steps.items(), 1):
                    self.do(f'[{number}/{len(self.steps)}] {name}', step)
            self.log = subprocess.DEVNULL
            self.stamp_path.write_text(json.dumps(self.state(), indent=1))
            print(
                f'environment {self.venv.name} ready in '
                f'{duration(time.monotonic() - begin)}',
                flush=True)

    def refuse_foreign_folder(self):
        """Leave a folder alone that is something else than an environment."""
        if os.path.lexists(self.venv) and not self.venv.is_dir():
            kind = 'not a folder'
        elif self.is_ours() or self.runs_this_python():
            return
        else:
            kind = f'not an environment of Python {PYTHON[0]}.{PYTHON[1]}'
        raise SystemExit(
            f'{self.command}: {self.venv} is there already and {kind}. What '
            f'to do: move it away, or choose another folder: {self.command} '
            'VENV=.venv-hqnet')

    def is_ours(self):
        """Whether the folder is empty or was made by this script."""
        return (self.lock_path.exists() or not self.venv.exists()
                or not any(self.venv.iterdir()))

    def do(self, title, step):
        """Do one step and print its line."""
        self.begin = time.monotonic()
        print(f'{title} ...', end=' ', flush=True)
        self.log.write(f'\n##### {title}\n')
        try:
            result = step()
        except (StepFailed, OSError) as error:
            print('failed', flush=True)
            advice = getattr(error, 'advice', diagnose(str(error))[1])
            raise SystemExit(
                f'{self.command} failed at {title}: {error}. What to do: '
                f'{advice}. Log: {self.log_path}') from None
        except KeyboardInterrupt:
            print('interrupted', flush=True)
            raise SystemExit(f'{self.command} was interrupted at {title}; '
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
                and len(mmcv_distributions(self.site_packages)) < 2
                and not broken_distributions(self.site_packages))

    # the steps

    def make_interpreter(self):
        """Create the environment or repair its interpreter and pip."""
        result = 'found'
        if not self.runs_this_python():
            result = 'created'
            if self.works(''):  # ours, with another version of Python
                self.clear()
                result = 'replaced'
            self.create()
        for leftover in broken_distributions(self.site_packages):
            self.log.write(f'incomplete: {leftover.name}\n')
            self.hold_broken_choice(leftover)
            shutil.rmtree(leftover)
            result = 'repaired'
        if not self.works('import pip._internal.cli.main'):
            for folder in self.site_packages.glob('pip*'):
                shutil.rmtree(folder)
            self.run([self.python, '-m', 'ensurepip'])
        # the next call takes this Python unless it is told another one
        (self.venv / 'make_env.python').write_text(sys.executable)
        return result

    def create(self):
        """Create it, over this script's own Python if that has torch."""
        options = []
        if host_torch(self.venv):
            options = ['--system-site-packages']
        self.run([sys.executable, '-m', 'venv', *options, self.venv])
        if options and sys.prefix != sys.base_prefix:
            # the system's packages are not those of a virtual environment
            (self.site_packages / 'host.pth').write_text(
                sysconfig.get_paths()['purelib'])

    def runs_this_python(self):
        """Whether the interpreter is there, in the version of this script."""
        return self.works(
            f'import sys; assert sys.version_info[:2] == {PYTHON}')

    def clear(self):
        """Remove everything but the files of this script."""
        for path in self.venv.iterdir():
            if not path.name.startswith('make_env'):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def hold_broken_choice(self, dist_info):
        """Reinstall the same version of the user's own torch."""
        name, _, version = dist_info.name[:-len('.dist-info')].partition('-')
        if name in USERS_CHOICE and version:
            self.pins[name] = version

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
        wanted = [] if found else [f'torch=={self.pins["torch"]}']
        self.pip('install', 'setuptools', *wanted)  # of the constraints
        return f'{found} found' if found else 'installed'

    def install_package(self):
        """Install the checkout itself, editable, with one mmcv."""
        installed = mmcv_distributions(self.site_packages)
        compiled = len(installed) < 2 and self.works(COMPILED_MMCV)
        if not compiled:
            if installed != ['mmcv-lite']:  # they overwrite each other
                self.uninstall(*installed)
            for operators in self.site_packages.glob('mmcv/_ext.*'):
                operators.unlink()
        self.pip('install', '--no-build-isolation', '--editable',
                 f'{self.root}[{"mim" if compiled else "lite"}]')

    def install_tests(self):
        """Install what the results of our own code are compared with."""
        self.pip('install', '-r', self.requirements / 'tests.txt')
        # for its descriptions of keypoints; what else it asks for, chumpy
        # among it, would have to be compiled
        self.pip('install', '--no-deps', 'mmpose')

    def check_imports(self):
        """Import everything that can be broken."""
        self.run([self.python, '-c', f'import {CHECKED_IMPORTS}'])
        return 'all imports work'

    # commands

    def pip(self, command, *arguments, environment=None):
        """Call the environment's pip within the constraints."""
        # what is never imported need not be compiled to bytecode
        compiling = ['--no-compile'] if command == 'install' else []
        self.run([
            self.python, '-m', 'pip', command, *compiling, '--no-input',
            '--disable-pip-version-check', '--progress-bar', 'off',
            '--constraint', self.constraints, *arguments
        ], environment)

    def uninstall(self, *names):
        """Remove distributions."""
        if names:
            self.run([
                self.python, '-m', 'pip', 'uninstall', '--no-input', '--yes',
                *names
            ])

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


def main(make):
    """Make an environment of the checkout that this file belongs to.

    Args:
        make (Callable): Gets the checkout and what the command line says.
    """
    if PYTHON not in PYTHONS:
        known = ', '.join(f'{major}.{minor}' for major, minor in PYTHONS)
        raise SystemExit(
            f'make env needs one of Python {known}, this is '
            f'{sys.version.split()[0]} ({sys.executable}). What to do: '
            'install one of them and call '
            'make env PYTHON=/path/to/python3.11')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = Path(__file__).resolve().parent.parent
    try:
        make(root, *(root / folder for folder in sys.argv[1:]))
    except KeyboardInterrupt:
        raise SystemExit('make env was interrupted') from None
    except OSError as error:
        raise SystemExit(f'make env failed: {error}. What to do: '
                         f'{diagnose(str(error))[1]}') from None


if __name__ == '__main__':
    main(lambda *folders: Environment(*folders).make())
