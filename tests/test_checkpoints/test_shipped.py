"""The model that comes with the package: there, whole, small enough."""
from pathlib import Path

import pytest
import torch

from mmhqnet.apis import HQNetInferencer
from mmhqnet.checkpoints import notice, shipped_model
from mmhqnet.checkpoints.shipped import FOLDER, digest
from mmhqnet.errors import InputError


def test_it_is_found(shipped):
    assert shipped_model() == str(shipped)
    assert digest(shipped.read_bytes()) in shipped.name


@pytest.mark.fault
def test_missing(tmp_path):
    with pytest.raises(InputError, match=f'missing in {tmp_path}; install'):
        shipped_model(tmp_path)


@pytest.mark.fault
def test_a_damaged_byte(shipped):
    content = bytearray(shipped.read_bytes())
    content[len(content) // 2] ^= 1
    shipped.write_bytes(content)
    with pytest.raises(InputError, match='damaged: .*; install'):
        shipped_model()


@pytest.mark.fault
def test_half_a_file(shipped):
    shipped.write_bytes(shipped.read_bytes()[:1000])
    with pytest.raises(InputError, match='damaged'):
        HQNetInferencer()


@pytest.mark.fault
def test_a_name_without_digest(shipped):
    shipped.rename(shipped.parent / 'tiny.pth')
    with pytest.raises(InputError, match='damaged'):
        shipped_model()


def test_the_notice_says_what_it_cannot():
    line = notice(dict(model='x', tasks=['box', 'age']))
    assert 'box, age; no gender;' in line and 'no age' not in line
    assert '\n' not in line


@pytest.mark.skipif(
    not any(FOLDER.glob('*.pth')), reason='this checkout has no weights')
def test_the_real_one():
    path = Path(shipped_model())
    assert path.stat().st_size <= 12 * 2**20
    meta = torch.load(path, weights_only=True)['meta']
    assert set(meta['about']) >= {'data', 'licence'}
    inferencer = HQNetInferencer(device='cpu', show_progress=False)
    assert set(
        meta['tasks']) == {'box', *inferencer.model.bbox_head.task_heads}
