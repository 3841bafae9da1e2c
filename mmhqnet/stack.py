"""Which versions of the OpenMMLab stack mmhqnet runs on."""
import warnings
from importlib import import_module
from pathlib import Path

# module: (oldest that works, newest release line that was tried)
SUPPORTED_VERSIONS = {
    'torch': ('2.1.0', '2.13'),
    'mmengine': ('0.10.4', '0.10'),
    'mmcv': ('2.0.0', '2.1'),
    'mmdet': ('3.2.0', '3.5'),
}
# distributions that install the same module
MMCVS = ('mmcv', 'mmcv-lite', 'mmcv-full', 'onedl-mmcv')


def check_stack() -> None:
    """Refuse versions that cannot work, warn about versions never tried.

    Only ``__version__`` of the imported modules counts, so the forks that
    install the same modules under other distribution names are welcome.

    Raises:
        ImportError: A module is missing, incomplete or older than the minimum.
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
        except AttributeError:  # a folder without its files
            raise ImportError(
                f'mmhqnet needs {name}>={minimum}, of which only parts are '
                f'installed: {_how_to_install(name, minimum)}') from None
        check_version(name, version, minimum, newest)
    check_one_mmcv(Path(import_module('mmcv').__path__[0]).parent)


def check_version(name: str, version: str, minimum: str, newest: str) -> None:
    """Compare one version with what is supported.

    ``minimum`` is the oldest version that works, ``newest`` the newest release
    line (``major.minor``) that was tried.

    Raises: ImportError: ``version`` is older than ``minimum``.
    """
    from mmengine.utils import digit_version
    if digit_version(version) < digit_version(minimum):
        raise ImportError(
            f'mmhqnet needs {name}>={minimum}, but {version} is installed: '
            f'{_how_to_install(name, minimum)}')
    if digit_version(version)[:2] > digit_version(newest)[:2]:
        warnings.warn(f'mmhqnet was not tried with {name} {version}, '
                      f'only up to {newest}.x; it may still work')


def check_one_mmcv(site_packages: Path) -> None:
    """Warn where distributions have overwritten each other's mmcv."""
    installed = [
        name for name in MMCVS
        if any(site_packages.glob(f'{name.replace("-", "_")}-*.dist-info'))
    ]
    if len(installed) > 1:
        names = ' and '.join(installed)
        warnings.warn(
            f"{names} are installed and overwrite each other's files: "
            f'{_how_to_install("mmcv", SUPPORTED_VERSIONS["mmcv"][0])}')


def _how_to_install(name: str, minimum: str) -> str:
    if name == 'mmcv':  # what is there of it would be overwritten in part
        return (f'pip uninstall -y {" ".join(MMCVS)}, then '
                f'pip install "mmcv-lite>={minimum},<2.2.0"')
    return f'pip install "{name}>={minimum}"'
