import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

import mmhqnet.engine  # noqa: F401
from mmhqnet.errors import InputError
from mmhqnet.models.backbones import PlainViT


class Model(nn.Module):

    def __init__(self):
        super().__init__()
        self.backbone = PlainViT(
            embed_dims=8,
            depth=2,
            num_heads=2,
            img_size=32,
            pretrain_img_size=32,
            window_size=2,
            global_blocks=(1, ))
        self.head = nn.Linear(8, 2)


def build(model, **paramwise):
    return build_optim_wrapper(
        model,
        dict(
            constructor='mmhqnet.LayerDecayConstructor',
            optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1),
            paramwise_cfg=paramwise))


def test_each_layer_has_its_rate():
    model = Model()
    groups = build(model, decay_rate=0.5).optimizer.param_groups
    options = {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in groups
        for parameter in group['params']
    }
    named = {
        name: options[id(parameter)]
        for name, parameter in model.named_parameters()
    }
    assert named['backbone.patch_embed.proj.weight'] == (0.125, 0.1)
    assert named['backbone.pos_embed'] == (0.125, 0.0)
    assert named['backbone.blocks.0.attn.qkv.weight'] == (0.25, 0.1)
    assert named['backbone.blocks.1.attn.qkv.weight'] == (0.5, 0.1)
    assert named['backbone.blocks.1.attn.rel_pos_h'] == (0.5, 0.0)
    assert named['backbone.blocks.1.norm1.weight'] == (0.5, 0.0)
    assert named['head.weight'] == (1.0, 0.1)
    assert named['head.bias'] == (1.0, 0.0)
    assert len(options) == len(list(model.parameters()))
    assert len(groups) <= 8  # merged


@pytest.mark.parametrize('model, paramwise', [
    (Model(), dict(bias_lr_mult=2.0)),
    (nn.Linear(2, 2), dict(decay_rate=0.5)),
])
def test_clear_error(model, paramwise):
    with pytest.raises(InputError, match='decay_rate'):
        build(model, **paramwise)


def test_frozen_weights_are_left_out():
    model = Model()
    model.backbone.patch_embed.requires_grad_(False)
    groups = build(model, decay_rate=0.5).optimizer.param_groups
    number = sum(len(group['params']) for group in groups)
    assert number == len(list(model.parameters())) - 2
    assert torch.isfinite(torch.tensor(groups[0]['lr']))
