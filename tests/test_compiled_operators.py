"""The module that stands in for mmcv's compiled operators."""
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import warnings

import mmcv.ops
import pytest
import torch

from mmhqnet import compiled_operators
from mmhqnet.compiled_operators import (StandIn, has_compiled_operators,
                                        provide_operators)
from mmhqnet.errors import InputError, one_line_errors


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package like mmcv, without an extension so far."""
    package = tmp_path / 'likemmcv'
    package.mkdir()
    (package / '__init__.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(compiled_operators, 'EXTENSION', 'likemmcv._ext')
    monkeypatch.setattr(sys, 'meta_path', [
        finder for finder in sys.meta_path if not isinstance(finder, StandIn)
    ])
    yield package
    for name in ('likemmcv', 'likemmcv._ext'):
        sys.modules.pop(name, None)


def test_missing_extension_is_a_real_module(package):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('likemmcv._ext')
    provide_operators()
    provide_operators()  # a second time changes nothing
    assert sum(isinstance(finder, StandIn) for finder in sys.meta_path) == 1

    extension = importlib.import_module('likemmcv._ext')
    assert inspect.ismodule(extension)
    assert sys.modules['likemmcv']._ext is extension
    spec = importlib.util.find_spec('likemmcv._ext')
    assert extension.__spec__ is spec and extension.__loader__ is spec.loader
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # mmcv's own question is out of date
        assert pkgutil.find_loader('likemmcv._ext') is spec.loader
    assert importlib.util.find_spec('likemmcv._other') is None
    assert importlib.reload(extension) is extension
    assert not has_compiled_operators()


def test_missing_operator_is_named_when_it_is_called(package):
    provide_operators()
    extension = importlib.import_module('likemmcv._ext')
    operator = extension.roi_align_forward  # reading it is free
    with pytest.raises(InputError) as error:
        operator(torch.zeros(1), spatial_scale=1)
    assert 'roi_align_forward' in str(error.value)
    assert '\n' not in str(error.value)
    assert 'pip install --no-build-isolation' in str(error.value)
    for name in ('__path__', '__wrapped__', '_private'):
        assert not hasattr(extension, name)


def test_existing_extension_is_never_shadowed(package):
    (package / '_ext.py').write_text('nms = 7')
    sys.meta_path.append(StandIn())
    provide_operators()
    assert importlib.import_module('likemmcv._ext').nms == 7
    assert has_compiled_operators()


def test_extension_that_is_installed_later_is_found(package):
    provide_operators()
    (package / '_ext.py').write_text('nms = 7')
    importlib.invalidate_caches()
    del sys.modules['likemmcv._ext']
    assert importlib.import_module('likemmcv._ext').nms == 7


def test_extension_for_another_torch_is_refused_in_one_line(package):
    (package / '_ext.py').write_text(
        'raise ImportError("_ext.so: undefined symbol: _ZN2at\\n"'
        '"and what the linker adds")')
    with pytest.raises(ImportError) as error:
        provide_operators()
    message = str(error.value)
    assert f'do not fit torch {torch.__version__}' in message
    assert 'undefined symbol' in message and '\n' not in message
    assert 'mmcv-lite' in message and '--no-build-isolation' in message


def test_operator_of_mmcv(capsys):
    """Works where it is compiled; else a tool ends in one line."""
    boxes, scores = torch.tensor([[0., 0, 9, 9]] * 2), torch.tensor([.5, .9])

    def tool():
        return mmcv.ops.nms(boxes, scores, .5)[1].tolist()

    if has_compiled_operators():
        assert tool() == [1]
    else:
        with pytest.raises(SystemExit) as end:
            one_line_errors(tool)()
        assert end.value.code == 2
        printed = capsys.readouterr().err
        assert printed.startswith('error: the operator nms of mmcv')
        assert printed.count('\n') == 1


def test_what_collecting_the_environment_asks_for():
    assert isinstance(mmcv.ops.get_compiler_version(), str)
    version = mmcv.ops.get_compiling_cuda_version()
    assert isinstance(version, str)
    assert has_compiled_operators() or version == 'not available'
