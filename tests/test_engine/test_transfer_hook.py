"""What is loaded from a model of other tasks, and what the log says of it."""
import logging

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmhqnet.engine.transfer_hook import (TransferHook, covering_modules,
                                          transfer_message)
from mmhqnet.errors import InputError


class Model(BaseModel):
    """A backbone, and a layer for each task."""

    def __init__(self, **tasks):
        super().__init__()
        self.backbone = nn.Linear(3, 3)
        self.heads = nn.ModuleDict({
            name: nn.Linear(3, size)
            for name, size in tasks.items()
        })

    def forward(self, inputs, mode='loss'):
        x = self.backbone(inputs)
        return dict(loss=sum(head(x).mean() for head in self.heads.values()))


def start(tmp_path, model, load_from=None, **kwargs):
    """A training of a step with a rate of nearly nothing."""
    runner = Runner(
        model,
        work_dir=str(tmp_path / 'run'),
        train_dataloader=dict(
            batch_size=2,
            dataset=[torch.ones(3)] * 2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=lambda batch: dict(inputs=torch.stack(batch))),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-9)),
        default_hooks=dict(logger=None),
        custom_hooks=[TransferHook()],
        load_from=load_from,
        experiment_name=f'{tmp_path.name}_{len(list(tmp_path.iterdir()))}',
        **kwargs)
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    runner.logger.addHandler(handler)
    runner.train()
    return [line for line in lines if 'are loaded' in line], lines


@pytest.fixture
def checkpoint(tmp_path):
    path = str(tmp_path / 'start.pth')
    torch.save(
        dict(state_dict=Model(box=1, pose=17, age=2).state_dict()), path)
    return path


def test_what_fits_is_loaded_and_the_rest_named(tmp_path, checkpoint):
    model = Model(box=1, pose=14, garment=2)
    before = {name: w.clone() for name, w in model.state_dict().items()}
    (line, ), lines = start(tmp_path, model, checkpoint)
    assert line == ('4 of 8 weights are loaded; anew: heads.garment, '
                    'heads.pose; not used: heads.age')
    assert not any('missing' in line or 'mismatch' in line for line in lines)
    given = torch.load(checkpoint)['state_dict']
    for name, weight in model.state_dict().items():
        fits = name.startswith(('backbone', 'heads.box'))
        torch.testing.assert_close(weight, (given if fits else before)[name])


def test_of_nothing_that_fits(tmp_path, checkpoint):
    model = Model(face=1)
    model.backbone = nn.Linear(3, 5)
    model.heads.face = nn.Linear(5, 1)
    with pytest.raises(InputError, match='load_from: .* no weight that fits'):
        start(tmp_path, model, checkpoint)


def test_resumed_trainings_are_left_alone(tmp_path):
    start(tmp_path, Model(box=1))
    said, _ = start(tmp_path, Model(box=1), resume=True)
    assert said == []


def test_largest_modules():
    held = ['a.b.c.weight', 'a.d.weight']
    assert covering_modules(['a.b.e.weight', 'a.b.e.bias', 'f.g.weight'],
                            held) == ['a.b.e', 'f']
    assert covering_modules(['a.d.bias'], held) == ['a.d.bias']


def test_nothing_left_over():
    assert transfer_message(
        dict(a=0), ['a'],
        ['a']) == ('1 of 1 weights are loaded; anew: nothing; not used: '
                   'nothing')
