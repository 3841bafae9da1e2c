"""The heads' layers have names, which agree; their outputs a precision."""
import pytest
import torch

from mmhqnet.models.prediction_layers import full_precision


def test_layers_of_the_heads(build_model):
    """Two decoder layers, 0 and 1, and the encoder's proposals, 2."""
    head = build_model().bbox_head
    for part in (head, *head.task_heads.values()):
        assert part.num_pred_layers == 3
        assert (part.last_layer, part.proposals_layer) == (1, 2)
    assert len(head.cls_branches) == head.num_pred_layers


@pytest.mark.parametrize('dtype, expected', [
    (torch.float16, torch.float32),
    (torch.bfloat16, torch.float32),
    (torch.float32, torch.float32),
    (torch.float64, torch.float64),
])
def test_outputs_are_float32_at_least(dtype, expected):
    assert full_precision(torch.ones(2, dtype=dtype)).dtype == expected
