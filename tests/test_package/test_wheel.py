"""What the distributions hold, and what works once they are installed."""
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser

import pytest
from setuptools import find_packages

SOURCES = ('mmhqnet', 'configs', 'tools', 'setup.py', 'setup.cfg',
           'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE',
           'CITATION.cff', 'model-index.yml')
WEIGHTS = 'mmhqnet/weights/test-00000000.pth'
BUILD = ('import sys; from setuptools import build_meta; '
         'getattr(build_meta, sys.argv[1])(sys.argv[2])')


def run(*command, cwd, **environment):
    return subprocess.run([str(part) for part in command],
                          cwd=cwd,
                          env=dict(os.environ, **environment),
                          check=True,
                          capture_output=True,
                          text=True).stdout


@pytest.fixture(scope='module')
def checkout(root, tmp_path_factory):
    """A copy of what the distributions are made of."""
    checkout = tmp_path_factory.mktemp('checkout')
    for name in SOURCES:
        if (root / name).is_dir():
            shutil.copytree(
                root / name,
                checkout / name,
                ignore=shutil.ignore_patterns('__pycache__', '.mim'))
        else:
            shutil.copy2(root / name, checkout / name)
    (checkout / 'mmhqnet/weights').mkdir(exist_ok=True)
    (checkout / WEIGHTS).write_bytes(b'')
    return checkout


@pytest.fixture(scope='module')
def wheel(checkout, tmp_path_factory):
    """A wheel built from the source distribution, without network."""
    folder = tmp_path_factory.mktemp('build')
    run(sys.executable, '-c', BUILD, 'build_sdist', folder, cwd=checkout)
    with tarfile.open(*folder.glob('*.tar.gz')) as archive:
        archive.extractall(folder / 'sdist', filter='data')
    unpacked, = (folder / 'sdist').iterdir()
    run(sys.executable, '-c', BUILD, 'build_wheel', folder, cwd=unpacked)
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory):
    """A folder with the wheel installed, to be put on the path."""
    folder = tmp_path_factory.mktemp('site')
    run(sys.executable,
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-index',
        '--no-deps',
        '--target',
        folder,
        wheel,
        cwd=folder)
    return folder


def test_wheel_holds_all_modules_and_what_mim_needs(wheel, root):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {'mmhqnet/.mim/model-index.yml', WEIGHTS}
    for folder, pattern in (('configs', '*.py'), ('configs', '*.yml'),
                            ('tools', '*.py'), ('tools', '*.sh')):
        expected |= {
            f'mmhqnet/.mim/{path.relative_to(root)}'
            for path in (root / folder).rglob(pattern)
        }
    expected |= {
        str(path.relative_to(root))
        for path in (root / 'mmhqnet').rglob('*.py')
        if '.mim' not in path.parts
    }
    assert expected <= names
    assert {'mmhqnet/.mim/tools/train.py', 'mmhqnet/.mim/tools/test.py'} \
        <= names
    assert not any('__pycache__' in name for name in names)
    assert {name.split('/')[0]
            for name in names if '.dist-info' not in name} == {'mmhqnet'}


def test_the_command_finds_its_tools(site):
    (site / 'tools').mkdir()  # somebody else's
    (site / 'tools' / 'train.py').write_text('raise SystemExit("wrong")')
    usage = run(
        sys.executable,
        '-m',
        'mmhqnet',
        'train',
        '--help',
        cwd=site,
        PYTHONPATH=str(site))
    assert usage.startswith('usage: mmhqnet train ')
    entry = next(site.glob('*.dist-info')) / 'entry_points.txt'
    assert 'mmhqnet = mmhqnet.__main__:main' in entry.read_text()


def test_every_folder_of_modules_is_a_package(root):
    packages = {
        'mmhqnet',
        *(f'mmhqnet.{name}' for name in find_packages(root / 'mmhqnet'))
    }
    folders = {
        '.'.join(path.parent.relative_to(root).parts)
        for path in (root / 'mmhqnet').rglob('*.py')
        if '.mim' not in path.parts
    }
    assert folders == packages


def test_metadata(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        files = {
            name.rpartition('/')[2]: name
            for name in archive.namelist() if '.dist-info/' in name
        }
        top_level = archive.read(files['top_level.txt']).decode()
        metadata = Parser().parsestr(archive.read(files['METADATA']).decode())
    assert 'LICENSE' in files
    assert top_level.split() == ['mmhqnet']
    assert metadata['Name'] == 'mmhqnet'
    assert set(metadata.get_all('Provides-Extra')) == {
        'lite', 'mim', 'onedl', 'track', 'text', 'export', 'dev'
    }
    # a hard requirement on mmcv or mmdet would overwrite their forks
    required = {
        line
        for line in metadata.get_all('Requires-Dist') if 'extra ==' not in line
    }
    assert required == {'numpy', 'pycocotools', 'scipy'}
    namespace = {}
    exec((root / 'mmhqnet' / 'version.py').read_text(), namespace)
    assert metadata['Version'] == namespace['__version__']
    assert f'version: {metadata["Version"]}\n' in (root /
                                                   'CITATION.cff').read_text()


def test_setup_imports_nothing_heavy(root):
    loaded = run(
        sys.executable,
        '-c', 'import sys; sys.argv = ["setup.py", "--version"]; '
        'exec(compile(open("setup.py").read(), "setup.py", "exec"), '
        'dict(__name__="__main__", __file__="setup.py")); '
        'print([m for m in ("torch", "mmengine", "mmcv", "mmdet", "numpy") '
        'if m in sys.modules])',
        cwd=root)
    assert loaded.splitlines()[-1] == '[]'


def test_config_inherits_from_the_installed_package(site, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text("_base_ = 'mmhqnet::hqnet/"
                      "hqnet_toy_r18_1xb4_toy-unihuman.py'\n"
                      'model = dict(num_queries=7)\n')
    output = run(
        sys.executable,
        '-c', 'import mmhqnet; print(mmhqnet.__file__)\n'
        'from mmengine.config import Config\n'
        'from mmengine.hub import get_config\n'
        'from mmengine.registry import init_default_scope\n'
        'from mmengine.registry import MODELS\n'
        'cfg = Config.fromfile("mine.py")\n'
        'init_default_scope(cfg.default_scope)\n'
        'print(type(MODELS.build(cfg.model)).__name__, '
        'cfg.model.num_queries)\n'
        'hub = get_config("mmhqnet::hqnet/'
        'hqnet_r50_16xb1-100e_coco-unihuman.py")\n'
        'print(hub.model.backbone.depth)',
        cwd=tmp_path,
        PYTHONPATH=str(site)).splitlines()
    assert output[0].startswith(str(site))
    assert output[-2:] == ['HQNet 7', '50']


def test_editable_checkout_is_found_on_the_path(checkout, tmp_path):
    """MIM and MMEngine look next to the metadata, not at the import."""
    shutil.rmtree(checkout / 'mmhqnet.egg-info', ignore_errors=True)
    run(sys.executable, '-c', BUILD, 'build_editable', tmp_path, cwd=checkout)
    index = checkout / 'mmhqnet' / '.mim' / 'model-index.yml'
    assert index.resolve() == checkout / 'model-index.yml'
    output = run(
        sys.executable,
        '-Wignore',
        '-c', 'from mmengine.utils import get_installed_path\n'
        'print(get_installed_path("mmhqnet"))',
        cwd=tmp_path,
        PYTHONPATH=str(checkout))
    assert output.strip() == str(checkout / 'mmhqnet')


def test_installed_tools_answer_mim(site, tmp_path):
    """`mim train` asks for the help first and looks for --launcher."""
    for tool in ('train', 'test'):
        script = site / 'mmhqnet' / '.mim' / 'tools' / f'{tool}.py'
        output = run(sys.executable, script, '--help', cwd=tmp_path)
        for option in ('--launcher', '--local-rank', '--cfg-options',
                       '--work-dir'):
            assert option in output
