import pytest
import torch

from mmhqnet.checkpoints import fetch, is_address
from mmhqnet.errors import InputError


def test_addresses():
    assert is_address('https://a.org/b.pth') and is_address('s3://a/b.pth')
    assert not is_address('/a/b.pth') and not is_address('C:\\b.pth')


def test_a_copy_is_made_once(serve):
    address = serve(dict(a=torch.ones(1)))
    path = fetch(address)
    serve(dict(a=torch.zeros(1)))
    assert fetch(address) == path and torch.load(path)['a'] == 1


def test_no_two_addresses_share_a_copy(serve):
    first = fetch(serve(dict(a=torch.ones(1))))
    second = fetch(serve(dict(a=torch.zeros(1))) + '?version=2')
    assert first != second and torch.load(second)['a'] == 0


@pytest.mark.parametrize('address', [
    'http://127.0.0.1:9/x.pth', 'torchvision://resnet50', 'gopher://a/x.pth',
    'https://a://b', 's3://bucket/x.pth'
])
def test_what_cannot_be_fetched(serve, address):
    with pytest.raises(InputError, match='cannot be fetched') as error:
        fetch(address)
    assert address in str(error.value) and '\n' not in str(error.value)
    with pytest.raises(InputError, match='404'):
        fetch(serve(b'', 'y.pth').replace('y', 'z'))
