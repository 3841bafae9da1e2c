"""How often a training step on a GPU would have to wait for the device."""
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / 'tools/analysis_tools'))

from benchmarks import peers  # noqa: E402
from benchmarks.device_waits import OURS, DeviceWaits  # noqa: E402
from benchmarks.measure import Options  # noqa: E402
from benchmarks.training import count_waits, make_data  # noqa: E402

X = torch.tensor([3., 1., 3.])
WAITS = {
    'item': lambda: X[0].item(),
    'int': lambda: int(X[0]),
    'float': lambda: float(X[0]),
    'bool': lambda: bool(X[0]),
    'if': lambda: 1 if X[0] > 2 else 0,
    'index': lambda: list(range(3))[torch.tensor(1)],
    'tolist': lambda: X.tolist(),
    'cpu': lambda: X.cpu(),
    'cpu, then numpy': lambda: X.cpu().numpy(),
    'numpy': lambda: X.numpy(),
    'nonzero': lambda: X.nonzero(),
    'where': lambda: torch.where(X > 2),
    'boolean index': lambda: X[X > 2],
    'boolean assignment': lambda: X.clone().index_put_((X > 2, ), X[0]),
    'masked_select': lambda: X.masked_select(X > 2),
    'unique': lambda: X.unique(),
    'bincount': lambda: X.long().bincount(),
    'repeat_interleave': lambda: X.repeat_interleave(X.long()),
    'equal': lambda: X.equal(X),
}
NO_WAITS = {
    'arithmetic': lambda: (X * 2 + X).softmax(0),
    'shape': lambda: [0] * X.shape[0],
    'sort': lambda: X.topk(2),
    'gather': lambda: X[torch.arange(2)],
    'where': lambda: torch.where(X > 2, X, 0),
    'repeat_interleave': lambda: X.repeat_interleave(X.long(), output_size=7),
    'masked_fill': lambda: X.masked_fill(X > 2, 0.),
}


@pytest.mark.parametrize('name', WAITS)
def test_each_wait_counts_once(name):
    with DeviceWaits() as waits:
        WAITS[name]()
    assert sum(waits.others.values()) == 1
    (_, line), = waits.others
    assert Path(__file__).name in line


@pytest.mark.parametrize('name', NO_WAITS)
def test_what_stays_on_the_device_does_not_count(name):
    with DeviceWaits() as waits:
        NO_WAITS[name]()
    assert not waits.ours and not waits.others and not waits.copies


def test_the_backward_pass_is_seen():

    class Reads(torch.autograd.Function):

        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * grad.sum().item()

    x = X.clone().requires_grad_()
    with DeviceWaits() as waits:
        Reads.apply(x).sum().backward()
    assert sum(waits.others.values()) == 1


def run_as_ours(code):
    """Run a line as if it were in a file of the package."""
    program = compile(code, f'{OURS}/models/some_file.py', 'exec')
    with DeviceWaits() as waits:
        exec(program, dict(x=X, torch=torch))
    return waits


def test_our_lines_are_told_from_others():
    waits = run_as_ours('\nx[0].item()')
    assert dict(waits.ours) == {('item', 'mmhqnet/models/some_file.py:2'): 1}
    assert not waits.others


@pytest.mark.parametrize('code, number', [
    ('x.new_tensor([1, 2])', 1),
    ('torch.tensor([1, 2], device=x.device)', 1),
    ('torch.tensor([1, 2]).to(x.device)', 1),
    ('torch.tensor([1, 2]).to(x.device, non_blocking=True)', 0),
    ('x.to(torch.float64)', 0),
    ('x.new_ones(2)', 0),
])
def test_copies_to_the_device(code, number):
    waits = run_as_ours(code)
    assert sum(waits.copies.values()) == number and not waits.ours


@pytest.fixture(scope='module')
def model():
    return peers.build_hqnet(Options(quick=True))


@pytest.mark.parametrize('num_images', [1, 2])
@pytest.mark.parametrize('num_persons', [1, 4])
def test_a_training_step_waits_three_times_at_most(model, num_images,
                                                   num_persons):
    """However many images and persons there are."""
    waits = count_waits(model, make_data(num_persons, (64, 96), num_images),
                        Options(quick=True))
    assert sum(waits.ours.values()) <= 3, waits.ours
    assert not waits.copies
    assert not any('mmdet/models/losses' in line for _, line in waits.others)
    # The costs of the matching have to be read once.
    assert any('human_query_assigner' in line for _, line in waits.ours)
