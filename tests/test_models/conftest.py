"""Tiny models, made-up persons and random encoder outputs as fixtures."""
import pytest
import torch

from mmhqnet import testing


@pytest.fixture(autouse=True, scope='module')
def one_thread():
    """More of them only get in each other's way on tensors this small."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture
def tiny_config():
    """Config of the whole method at a hundredth of its size."""
    return testing.tiny_config


@pytest.fixture
def randomise():
    """Add noise to the parameters of a module."""
    return testing.randomise


@pytest.fixture
def build_model():
    """Build a tiny model whose parameters are all different from zero."""
    return testing.build_model


@pytest.fixture
def make_sample():
    """Make an image's ground truth, fully labelled."""
    return testing.make_sample


@pytest.fixture
def make_images():
    """Make the network's input for some samples."""
    return testing.make_images


@pytest.fixture
def make_encoded():
    """Make random :class:`EncodedImages` for some samples."""
    return testing.make_encoded


@pytest.fixture
def same_points(monkeypatch):
    """Random points depend on their number only, not on image or mask."""
    rand = torch.rand

    def shared_rows(*size, device=None, dtype=None):
        generator = torch.Generator().manual_seed(sum(size[1:]))
        return rand(
            1, *size[1:], generator=generator,
            dtype=dtype).expand(size).clone()

    monkeypatch.setattr(torch, 'rand', shared_rows)


@pytest.fixture
def saved_bytes():
    """Call a function; what it returns, and what autograd keeps for it."""

    def call(function):
        sizes = {}

        def pack(tensor):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            result = function()
        return result, sum(sizes.values())

    return call
