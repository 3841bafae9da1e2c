import sys
import types
import warnings

import pytest

from mmhqnet import stack


@pytest.fixture
def versions(monkeypatch):
    """Replace the stack by modules that hold nothing but a version."""

    def install(**versions):
        for name in stack.SUPPORTED_VERSIONS:
            module = types.ModuleType(name)
            module.__version__ = versions.get(
                name, stack.SUPPORTED_VERSIONS[name][0])
            module.__path__ = ['nowhere']
            if name != 'mmengine':  # whose parser of versions is needed
                monkeypatch.setitem(sys.modules, name, module)
            else:
                monkeypatch.setattr('mmengine.__version__', module.__version__)

    return install


def test_this_environment_is_supported():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        stack.check_stack()


@pytest.mark.parametrize('versions_', [
    dict(),
    dict(
        torch='2.13.1+cu130', mmengine='0.10.12', mmcv='2.1.1', mmdet='3.5.1'),
])
def test_range_is_silent(versions, versions_):
    """From the minimum up to the forks, which have no ``version_info``."""
    versions(**versions_)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        stack.check_stack()


@pytest.mark.parametrize('name, version', [('torch', '2.0.1'),
                                           ('mmengine', '0.10.3'),
                                           ('mmcv', '2.0.0rc4'),
                                           ('mmdet', '3.1.0')])
def test_old_versions_are_refused_with_a_hint(versions, name, version):
    versions(**{name: version})
    with pytest.raises(ImportError, match=f'mmhqnet needs {name}>=') as error:
        stack.check_stack()
    assert version in str(error.value) and 'pip install' in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('name, version', [('torch', '2.14.0'),
                                           ('mmdet', '4.0.0')])
def test_new_versions_are_tried_with_a_warning(versions, name, version):
    versions(**{name: version})
    with pytest.warns(UserWarning, match=f'not tried with {name} {version}'):
        stack.check_stack()


def test_missing_module_is_named(versions, monkeypatch):
    versions()
    monkeypatch.setitem(sys.modules, 'mmcv', None)

    def import_module(name):
        if name == 'mmcv':
            raise ModuleNotFoundError(f'No module named {name}', name=name)
        return sys.modules[name]

    monkeypatch.setattr(stack, 'import_module', import_module)
    with pytest.raises(ImportError, match='mmcv>=2.0.0, which is not'):
        stack.check_stack()


def test_failing_import_within_a_module_is_not_hidden(monkeypatch):

    def import_module(name):
        raise ModuleNotFoundError('No module named six', name='six')

    monkeypatch.setattr(stack, 'import_module', import_module)
    with pytest.raises(ModuleNotFoundError, match='six'):
        stack.check_stack()


def test_what_an_uninstallation_left_is_not_taken_for_mmcv(versions):
    versions()
    del sys.modules['mmcv'].__version__
    with pytest.raises(ImportError, match='only parts are installed') as error:
        stack.check_stack()
    assert 'pip uninstall -y mmcv' in str(error.value)
    assert '\n' not in str(error.value)


def test_two_distributions_of_mmcv_are_named(tmp_path):
    (tmp_path / 'mmcv_lite-2.1.0.dist-info').mkdir()
    (tmp_path / 'mmcv_geo-0.1.2.dist-info').mkdir()  # another module
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        stack.check_one_mmcv(tmp_path)
    (tmp_path / 'mmcv-2.1.0.dist-info').mkdir()
    with pytest.warns(
            UserWarning,
            match='^mmcv and mmcv-lite are installed '
            ".*pip uninstall .*pip install \"mmcv-lite"):
        stack.check_one_mmcv(tmp_path)
