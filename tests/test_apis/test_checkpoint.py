import pytest
import torch

from mmhqnet.apis.checkpoint import (check_weights_fit, read_checkpoint,
                                     stored_config)
from mmhqnet.utils.errors import InputError


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


def test_stored_config():
    text = 'a = 1'
    runtime = dict(message_hub=dict(runtime_info=dict(cfg=text)))
    for checkpoint in (runtime, dict(meta=dict(cfg=text))):
        assert stored_config(checkpoint, 'x.pth').a == 1
    with pytest.raises(InputError, match='x.pth holds no config'):
        stored_config({}, 'x.pth')
