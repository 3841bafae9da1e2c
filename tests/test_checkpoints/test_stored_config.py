"""The config in a checkpoint is data and never runs."""
import pytest
from mmengine.config import Config

from mmhqnet.checkpoints import stored_config
from mmhqnet.errors import InputError
from mmhqnet.testing import tiny_config


def in_checkpoint(text):
    return dict(meta=dict(cfg=text))


def test_where_it_is_stored():
    text = 'a = 1'
    runtime = dict(message_hub=dict(runtime_info=dict(cfg=text)))
    for checkpoint in (runtime, in_checkpoint(text)):
        assert stored_config(checkpoint, 'x.pth').a == 1
    with pytest.raises(InputError, match='x.pth holds no config'):
        stored_config({}, 'x.pth')


def test_what_mmengine_writes_comes_back():
    config = Config(
        dict(
            model=tiny_config(),
            numbers=(1, -2.5, 1e-5, 3 - 4j, True, None),
            texts=['a\'b"\n', b'x', ''],
            keys={
                'a.b': dict(type='mmdet.models.detectors.DINO'),
                2: [[], (), {}]
            }))
    stored = stored_config(in_checkpoint(config.pretty_text), 'x.pth')
    assert stored.to_dict() == config.to_dict()


@pytest.mark.parametrize('code', [
    '__import__("os").mkdir("executed")',
    'open("executed", "w")',
    '[open("executed", "w") for _ in "a"]',
    'dict(**open("executed", "w"))',
    'dict(a=open("executed", "w"))',
    'dict({**open("executed", "w")})',
    'list(open("executed", "w"))',
    '(lambda: 1)()',
    'f"{open(\'executed\', \'w\')}"',
    '{1: 2}[1]',
    'a',
])
def test_code_is_refused(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in (f'x = {code}', f'x = [dict(y=({code}, ))]', code):
        with pytest.raises(InputError, match='x.pth is refused.*line 1') as e:
            stored_config(
                in_checkpoint(f'a = 1\n{text}'.replace('\n', ';')), 'x.pth')
        assert '\n' not in str(e.value)
    assert not (tmp_path / 'executed').exists()


@pytest.mark.parametrize('text', [
    'import os', 'a.b = 1', 'a, b = 1, 2', 'a = b = 1', 'a += 1', 'a = (',
    'a = ' + '[' * 500, 'a = "\0"', 'if True:\n    a = 1', 'filename = 1'
])
def test_what_is_no_config_is_refused(text):
    with pytest.raises(InputError, match='x.pth is refused') as error:
        stored_config(in_checkpoint(text), 'x.pth')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', [
    'os.system', 'subprocess.run', 'mmengine.load', 'mmengine.fileio.copyfile',
    'torch.load'
])
def test_types_from_elsewhere_are_refused(name):
    """A registry would import and call them."""
    for text in (f"model = dict(type='{name}')",
                 f"model = [dict({{'type': '{name}'}})]"):
        with pytest.raises(InputError, match=f"'{name}' is not of an OpenMM"):
            stored_config(in_checkpoint(text), 'x.pth')
