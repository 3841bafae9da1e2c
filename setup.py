"""Packaging of mmhqnet.

Besides the package itself the wheel holds ``configs/``, ``tools/`` and the
model index as ``mmhqnet/.mim``, where MIM and MMEngine look for them. Nothing
but setuptools is imported, so that building works in isolation.
"""
import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py as _build_py
from setuptools.command.egg_info import egg_info

ROOT = Path(__file__).resolve().parent


class build_py(_build_py):
    """Also ships configs, tools and the model index as ``mmhqnet/.mim``."""

    mim_files = ('configs', 'tools', 'model-index.yml')

    def run(self):
        super().run()
        base = ROOT if self.editable_mode else Path(self.build_lib)
        mim = base / 'mmhqnet' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in self.mim_files:
            source, target = ROOT / name, mim / name
            if self.editable_mode:
                target.symlink_to(os.path.relpath(source, mim))
            elif source.is_dir():
                shutil.copytree(
                    source,
                    target,
                    ignore=shutil.ignore_patterns('__pycache__'))
            else:
                shutil.copy2(source, target)
        if self.editable_mode:
            self.write_egg_info()

    def write_egg_info(self):
        """Let MIM and MMEngine find the checkout when it is on the path.

        They take the package to be next to its metadata. Those of an editable
        install are in site-packages, without the package.
        """
        command = egg_info(self.distribution)
        command.egg_base = str(ROOT)
        command.ensure_finalized()
        command.run()


# mmdet 3.3.0 refuses mmcv 2.2.0
OPENMMLAB = [
    'mmengine>=0.10.4,<1',
    'mmdet>=3.2,<4',
    'setuptools>=70,<82',  # mmengine and MIM import its pkg_resources
]


def version():
    text = (ROOT / 'mmhqnet' / 'version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text).group(1)


setup(
    name='mmhqnet',
    version=version(),
    description='HQNet for OpenMMLab: boxes, masks, keypoints, gender and age '
    'of every person from one query each',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    url='https://arxiv.org/abs/2312.05525',
    license='Apache-2.0',
    license_files=['LICENSE'],
    keywords='computer vision, human-centric perception, detection, '
    'instance segmentation, pose estimation, OpenMMLab',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    packages=find_packages(include=['mmhqnet*']),
    package_data={'mmhqnet': ['weights/*.pth']},  # the model that comes along
    entry_points={'console_scripts': ['mmhqnet = mmhqnet.__main__:main']},
    cmdclass={'build_py': build_py},
    zip_safe=False,
    python_requires='>=3.10',
    # torch is the user's choice (CPU or a CUDA version). mmengine, mmcv and
    # mmdet come from one of the first three extras: several distributions
    # install the same modules, and a hard requirement on one would overwrite
    # the other.
    install_requires=['numpy', 'pycocotools', 'scipy'],
    extras_require={
        # the OpenMMLab stack without compiled operators; no compiler needed
        'lite': [*OPENMMLAB, 'mmcv-lite>=2.0.0,<2.2.0'],
        # the same with mmcv, which has to be compiled
        'mim': [*OPENMMLAB, 'mmcv>=2.0.0,<2.2.0'],
        # the maintained forks of the same modules
        'onedl': [
            'onedl-mmengine>=0.10.9',
            'onedl-mmcv>=2.3',
            'onedl-mmdetection>=3.4,<4',
        ],
        # the assignment solver of mmdet's trackers
        'track': ['lap>=0.5'],
        # language models for UniPHD's captions
        'text': ['transformers>=4.38'],
        # writing a graph, and checking it against the PyTorch model
        'export': ['onnx>=1.16', 'onnxscript', 'onnxruntime>=1.18'],
        # tests and formatting
        'dev': ['pytest>=8', 'flake8', 'isort', 'yapf', 'setuptools<82'],
    })
