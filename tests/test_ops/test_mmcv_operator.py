import pytest
import torch

from mmhqnet.ops.grid_sample import grid_sample_attention
from mmhqnet.ops.mmcv_operator import is_available, mmcv_attention
from mmhqnet.testing.attention import (SHAPES, output_and_gradients,
                                       random_attention_inputs)


def test_never_on_the_cpu():
    assert not is_available(torch.device('cpu'))


@pytest.mark.gpu
@pytest.mark.skipif(
    not (torch.cuda.is_available() and is_available(torch.device('cuda'))),
    reason='mmcv has no CUDA operators here')
def test_equals_grid_sampling():
    results = []
    for attend in (mmcv_attention, grid_sample_attention):
        inputs = [
            x.detach().cuda().requires_grad_()
            for x in random_attention_inputs()
        ]
        results.append(
            output_and_gradients(
                lambda value, *rest, attend=attend: attend(
                    value, SHAPES, *rest),
                inputs))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs)
