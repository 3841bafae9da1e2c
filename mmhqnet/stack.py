"""Which versions of the OpenMMLab stack mmhqnet runs on."""
import warnings
from importlib import import_module

# module: (oldest that works, newest release line that was tried)
SUPPORTED_VERSIONS = {
    'torch': ('2.1.0', '2.13'),
    'mmengine': ('0.10.4', '0.10'),
    'mmcv': ('2.0.0', '2.1'),
    'mmdet': ('3.2.0', '3.5'),
}


def check_stack() -> None:
    """Refuse versions that cannot work, warn about versions never tried.

    Only ``__version__`` of the imported modules counts, so the forks that
    install the same modules under other distribution names are welcome.

    Raises:
        ImportError: A module is missing or older than the minimum.
    """
    for name, (minimum, newest) in SUPPORTED_VERSIONS.items():
        try:
            version = import_module(name).__version__
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ImportError(
                f'mmhqnet needs {name}>={minimum}, which is not installed: '
                f'{_how_to_install(name, minimum)}') from None
        check_version(name, version, minimum, newest)


def check_version(name: str, version: str, minimum: str, newest: str) -> None:
    """Compare one version with what is supported.

    Args:
        name (str): Module name.
        version (str): Its version, e.g. ``'2.13.0+cpu'``.
        minimum (str): Oldest version that works.
        newest (str): Newest release line (``major.minor``) that was tried.

    Raises:
        ImportError: ``version`` is older than ``minimum``.
    """
    from mmengine.utils import digit_version
    if digit_version(version) < digit_version(minimum):
        raise ImportError(
            f'mmhqnet needs {name}>={minimum}, but {version} is installed: '
            f'{_how_to_install(name, minimum)}')
    if digit_version(version)[:2] > digit_version(newest)[:2]:
        warnings.warn(f'mmhqnet was not tried with {name} {version}, '
                      f'only up to {newest}.x; it may still work')


def _how_to_install(name: str, minimum: str) -> str:
    if name == 'mmcv':
        return ('pip install "setuptools<82" ninja, then pip install '
                f'--no-build-isolation "mmcv>={minimum},<2.2.0"')
    return f'pip install "{name}>={minimum}"'
