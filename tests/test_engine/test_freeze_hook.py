"""Frozen modules stay as they were loaded; the others learn."""
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmhqnet.engine import FreezeHook
from mmhqnet.errors import InputError


class Chain(BaseModel):
    """Backbone, encoder and head, one layer each."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Linear(3, 3)
        self.encoder = nn.Linear(3, 3)
        self.head = nn.ModuleDict(
            dict(box=nn.Linear(3, 1), mask=nn.Linear(3, 1)))

    def forward(self, inputs, mode='loss'):
        x = self.encoder(self.backbone(inputs))
        return dict(loss=(self.head.box(x) + self.head.mask(x)).mean())


def train(tmp_path, modules, model=None):
    """Two steps of AdamW, whose decay moves weights without a gradient."""
    runner = Runner(
        model or Chain(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=2,
            dataset=[torch.ones(3)] * 4,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=lambda batch: dict(inputs=torch.stack(batch))),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=.1, weight_decay=.1)),
        default_hooks=dict(checkpoint=None, logger=None),
        custom_hooks=[FreezeHook(modules)],
        experiment_name=tmp_path.name)
    return runner.train().state_dict()


class NormChain(Chain):
    """Batch norms in the backbone and the encoder."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(self.backbone, nn.BatchNorm1d(3))
        self.encoder = nn.Sequential(self.encoder, nn.BatchNorm1d(3))


@pytest.mark.parametrize('modules, expected', [
    (['backbone'], {'encoder'}),
    (['encoder.1'], {'backbone'}),
])
def test_batch_norm_statistics_stay(tmp_path, modules, expected):
    """They are part of what was loaded, though no gradient moves them."""
    state = train(tmp_path, modules, NormChain())
    running = {
        name.partition('.')[0]
        for name, value in state.items()
        if name.endswith('num_batches_tracked') and value > 0
    }
    assert running == expected
    assert state[f'{modules[0]}.running_mean' if '.' in
                 modules[0] else 'backbone.1.running_mean'].tolist() == [0] * 3


def changed(state):
    before = Chain().state_dict()
    return {
        name.rpartition('.')[0]
        for name in state if not torch.equal(state[name], before[name])
    }


@pytest.mark.parametrize('modules, expected', [
    ([], {'backbone', 'encoder', 'head.box', 'head.mask'}),
    (['backbone', 'encoder'], {'head.box', 'head.mask'}),
    (['backbone', 'head.box'], {'encoder', 'head.mask'}),
])
def test_only_the_others_learn(tmp_path, modules, expected):
    assert changed(train(tmp_path, modules)) == expected


def test_unknown_module(tmp_path):
    with pytest.raises(
            InputError, match="no module 'neck'.*backbone, encoder, head"):
        train(tmp_path, ['neck'])
