"""Checkpoints are read whole, safely, or not at all."""
from collections import OrderedDict

import pytest
import torch
from mmengine.utils import digit_version

from mmhqnet.checkpoints import (check_weights_fit, read_checkpoint,
                                 write_weights)
from mmhqnet.errors import InputError


@pytest.fixture
def model():
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


@pytest.fixture
def save(tmp_path):

    def write(content):
        path = tmp_path / 'checkpoint.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        return str(path)

    return write


def test_what_was_saved_is_read(model, save):
    state_dict = model.state_dict()
    for content in (state_dict, dict(meta={}, state_dict=state_dict)):
        read = read_checkpoint(save(content))['state_dict']
        assert all(torch.equal(read[k], state_dict[k]) for k in state_dict)


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'\x80\x02'])
def test_other_files(save, content):
    with pytest.raises(InputError, match='checkpoint.pth cannot be read'):
        read_checkpoint(save(content))


def test_truncated(model, save, tmp_path):
    path = save(model.state_dict())
    whole = (tmp_path / 'checkpoint.pth').read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 10):
        save(whole[:length])
        with pytest.raises(InputError, match='cannot be read'):
            read_checkpoint(path)


def test_missing():
    with pytest.raises(InputError, match='none.pth does not exist'):
        read_checkpoint('none.pth')


def test_not_a_dict(save):
    with pytest.raises(InputError, match='holds no weights but a list'):
        read_checkpoint(save([1, 2]))


def test_fitting_weights_are_accepted(model):
    state_dict = model.state_dict()
    check_weights_fit(model, state_dict, 'x.pth')
    wrapped = {f'module.{k}': v for k, v in state_dict.items()}
    check_weights_fit(model, wrapped, 'x.pth')
    check_weights_fit(model, dict(state_dict, more=torch.ones(1)), 'x.pth')
    state_dict.pop('1.num_batches_tracked')
    check_weights_fit(model, state_dict, 'x.pth')


@pytest.mark.parametrize('change', [
    lambda weights: weights.pop('0.bias'),
    lambda weights: weights.update({'0.bias': torch.ones(5)}),
    lambda weights: weights.update({'0.bias': 'no tensor'}),
])
def test_each_unfit_weight_is_noticed(model, change):
    state_dict = model.state_dict()
    change(state_dict)
    with pytest.raises(InputError, match='x.pth.*1 of .* 6 .*first: 0.bias'):
        check_weights_fit(model, state_dict, 'x.pth')


def test_what_only_a_training_needs_may_be_missing(model):
    state_dict = model.state_dict()
    weight = state_dict.pop('0.bias')
    check_weights_fit(model, state_dict, 'x.pth', ['0.bias'])
    with pytest.raises(InputError, match='first: 0.bias'):
        check_weights_fit(model, state_dict, 'x.pth', ['1.bias'])
    state_dict['0.bias'] = weight[:1]  # there, but of another shape
    with pytest.raises(InputError, match='first: 0.bias'):
        check_weights_fit(model, state_dict, 'x.pth', ['0.bias'])


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('place', ['meta', 'state_dict', 'optimizer'])
@pytest.mark.parametrize('weights_only', [
    True,
    pytest.param(
        None,
        marks=pytest.mark.skipif(
            digit_version(torch.__version__) < digit_version('2.6.0'),
            reason='PyTorch trusts files by default')),
])
def test_code_is_refused(tmp_path, hostile, place, is_zip, weights_only):
    checkpoint = dict(meta={}, state_dict=dict(weight=torch.ones(1)))
    checkpoint[place] = dict(hostile=hostile)
    path = tmp_path / 'hostile.pth'
    torch.save(checkpoint, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(InputError, match='hostile.pth is refused.*mkdir') as e:
        read_checkpoint(str(path), weights_only=weights_only)
    assert '\n' not in str(e.value)


def test_other_classes_are_refused(tmp_path):
    path = tmp_path / 'object.pth'
    torch.save(dict(state_dict={}, meta=pytest.Item), path)
    with pytest.raises(InputError, match='is refused: it asks for .*Item'):
        read_checkpoint(str(path), weights_only=True)


@pytest.mark.parametrize('is_zip', [True, False])
def test_checkpoints_of_old_mmcv_are_read(model, tmp_path, is_zip):
    """As mmcv 1.x wrote them: text, numbers, plain containers, tensors."""
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    state_dict = OrderedDict(model.state_dict())
    state_dict._metadata = model.state_dict()._metadata
    meta = dict(
        env_info='sys.platform: linux',
        config="model = dict(type='HumanQueryDetector')",
        mmcv_version='1.7.0',
        time='Sat Nov 18 2023',
        seed=None,
        epoch=100,
        iter=400,
        hook_msgs={},
        CLASSES=('person', ),
        PALETTE=[(220, 20, 60)])
    path = tmp_path / 'old.pth'
    torch.save(
        dict(
            meta=meta, state_dict=state_dict,
            optimizer=optimizer.state_dict()),
        path,
        _use_new_zipfile_serialization=is_zip)
    read = read_checkpoint(str(path), weights_only=True)
    assert read['meta'] == meta
    assert read['optimizer']['state'][0]['step'] == 1
    for name, weight in model.state_dict().items():
        assert torch.equal(read['state_dict'][name], weight)


@pytest.mark.parametrize('weights_only', [True, None, False])
def test_an_address_is_read_as_carefully_as_a_file(serve, model, hostile,
                                                   weights_only):
    address = serve(dict(state_dict=model.state_dict()))
    read = read_checkpoint(address, weights_only)
    check_weights_fit(model, read['state_dict'], address)
    address = serve(dict(state_dict={}, meta=hostile), 'hostile.pth')
    with pytest.raises(InputError, match=f'{address} is refused: .*mkdir'):
        read_checkpoint(address, weights_only)


def test_a_damaged_copy_is_fetched_again(serve, model):
    with pytest.raises(InputError, match='http.*cannot be read'):
        read_checkpoint(serve(b'half'))
    assert read_checkpoint(serve(model.state_dict()))['state_dict']


def test_written_weights_are_read(model, tmp_path):
    path = str(tmp_path / 'new' / 'folder' / 'x.pth')
    write_weights(model.state_dict(), path)
    read = read_checkpoint(path, weights_only=True)
    check_weights_fit(model, read['state_dict'], path)
    assert read['meta']['dataset_meta']['classes'] == ('person', )


def test_unwritable(model, tmp_path):
    (tmp_path / 'file').write_text('')
    for path in (tmp_path, tmp_path / 'file' / 'x.pth'):
        with pytest.raises(InputError, match=f'cannot write {path}'):
            write_weights(model.state_dict(), str(path))
