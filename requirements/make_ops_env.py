"""Make or repair an environment in which mmcv's operators are compiled.

    python make_ops_env.py FOLDER BASE

It sees everything of the environment ``BASE``, which `make env` has made, and
adds what has to be compiled against its torch: mmcv with operators, for peers
such as Mask R-CNN, and xtcocotools, for mmpose's. mmcv is compiled once per
Python, torch and mmcv version; its wheel is kept in the user's cache.
"""
import os
import sys
import tempfile
from pathlib import Path

from env_checks import (StepFailed, check_compiler, compile_jobs,
                        compiled_mmcv, wheel_key)
from make_env import Environment, main


class OperatorsEnvironment(Environment):
    """An environment with compiled operators over another environment.

    Args:
        root (Path): The checkout.
        venv (Path): The folder to make.
        base (Path): The folder of the environment below it.
    """

    command = 'make env-ops'

    def __init__(self, root, venv, base):
        super().__init__(root, venv)
        self.base = Environment(root, base)
        self.link = self.site_packages / 'base.pth'
        self.constraints = self.base.constraints
        self.cache = Path(
            os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache',
            'mmhqnet', 'wheels')
        self.steps = {
            f'interpreter over {base.name}': self.make_interpreter,
            'compiler': self.find_compiler,
            'build tools': self.install_build_tools,
            'xtcocotools': self.install_xtcocotools,
            f'mmcv {self.pins["mmcv"]}': self.install_mmcv,
            'check': self.check_imports,
        }

    def state(self):
        """What has to be unchanged, in both environments."""
        return dict(super().state(), base=self.base.state())

    # the steps

    def create(self):
        """Create it without pip, which the base has, and let it see that."""
        options = ['--without-pip']
        if 'packages = true' in (self.base.venv / 'pyvenv.cfg').read_text():
            options.append('--system-site-packages')
        self.run([sys.executable, '-m', 'venv', *options, self.venv])
        self.link.write_text(
            f'import site; site.addsitedir({str(self.base.site_packages)!r})')

    def runs_this_python(self):
        """Whether the interpreter is there and sees the base."""
        return self.link.exists() and super().runs_this_python()

    def find_compiler(self):
        """Look for a compiler when something has to be compiled."""
        if self.works('import torch, mmcv._ext, xtcocotools.mask'):
            return 'not needed'
        check_compiler()
        return 'found'

    def install_build_tools(self):
        """Install what compiling without build isolation needs."""
        self.pip('install', '-r', self.requirements / 'build.txt')

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
        if self.works('import torch, mmcv._ext; '
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
            if self.works('import torch, mmcv._ext'):
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

    def check_imports(self):
        """Import everything that was compiled."""
        self.run([
            self.python, '-c', 'import torch, mmcv._ext, xtcocotools.mask, '
            'mmhqnet.models, mmpose.models'
        ])
        return 'all imports work'


if __name__ == '__main__':
    main(lambda *folders: OperatorsEnvironment(*folders).make())
