"""The interface of a task, and a new one that is written right here."""
import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.structures import InstanceData
from torch import nn

from mmhqnet.errors import InputError
from mmhqnet.models.losses import layer_mean, normaliser
from mmhqnet.models.task_heads import TaskHead
from mmhqnet.registry import MODELS


@MODELS.register_module()
class HeightHead(TaskHead):
    """Body height in metres: all that a new task has to write."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.branches = self.build_branches(
            lambda: nn.Linear(self.embed_dims, 1))

    def forward(self, query, reference, layer):
        return dict(height=self.branches[layer](query)[..., 0])

    def match_cost(self, outputs, targets, encoded):
        return (outputs['height'][:, None] - targets.heights).abs()

    def loss(self, outputs, targets, assignment, encoded):
        pred = assignment.queries(outputs['height'])
        target = assignment.persons([persons.heights for persons in targets])
        return dict(
            loss_height=layer_mean((pred -
                                    target).abs(), normaliser(pred == pred)))

    def decode(self, outputs, box, encoded):
        return dict(heights=outputs['height'])


@pytest.fixture
def config(tiny_config):
    cfg = tiny_config(tasks=('gender', ))
    cfg['bbox_head']['task_heads']['height'] = dict(type='HeightHead')
    return cfg


@pytest.fixture
def data(make_sample):
    samples = [make_sample(2, seed=1), make_sample(3, seed=2)]
    for sample in samples:
        persons = sample.gt_instances
        persons.heights = 1.2 + 0.2 * torch.arange(len(persons)).double()
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    return dict(inputs=list(images), data_samples=samples)


def test_new_task_trains_and_predicts(config, data, build_model, tmp_path):
    model = build_model(config, dtype=torch.float32)
    for sample in data['data_samples']:
        sample.gt_instances.bboxes = sample.gt_instances.bboxes.float()
    optim_wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), 1e-2))
    model.train()
    history = [
        model.train_step(copy.deepcopy(data), optim_wrapper) for _ in range(10)
    ]
    names = {'loss_height', 'd0.loss_height', 'enc_loss_height'}
    assert names <= history[0].keys()
    for name in names:
        assert history[-1][name] < history[0][name]

    path = str(tmp_path / 'model.pth')
    save_checkpoint(dict(state_dict=model.state_dict()), path)
    loaded = MODELS.build(config)
    load_checkpoint(loaded, path, strict=True)
    assert 'bbox_head.task_heads.height.branches.2.weight' in dict(
        loaded.named_parameters())
    for network in (model, loaded):
        network.eval()
    results = [
        network.test_step(copy.deepcopy(data)) for network in (model, loaded)
    ]
    for ours, theirs in zip(*results):
        heights = ours.pred_instances.heights
        assert heights.shape == (10, )
        assert heights.equal(theirs.pred_instances.heights)


def test_new_task_takes_part_in_the_matching(config, data, build_model,
                                             make_images, monkeypatch):
    """Its cost is added to those of the others."""
    samples = data['data_samples']
    images = make_images(samples)
    costs = []
    for weight in (0., 1.):
        model = build_model(config).train()
        assigner = model.bbox_head.assigner
        height = model.bbox_head.task_heads['height']
        cost_of = height.match_cost
        monkeypatch.setattr(height, 'match_cost',
                            lambda *args: weight * cost_of(*args))
        assign = assigner.assign
        monkeypatch.setattr(assigner, 'assign',
                            lambda cost: costs.append(cost) or assign(cost))
        torch.manual_seed(0)
        outputs = []
        forward = height.forward
        monkeypatch.setattr(
            height, 'forward',
            lambda *args: outputs.append(forward(*args)) or outputs[-1])
        model.loss(images, copy.deepcopy(samples))
    without, with_height = costs
    # The encoder's proposals were the first to be seen, and come last.
    heights = torch.stack([out['height'] for out in outputs[1:] + outputs[:1]])
    for image, sample in enumerate(samples):
        expected = (heights[:, image, :, None] -
                    sample.gt_instances.heights).abs()
        torch.testing.assert_close(with_height[image] - without[image],
                                   expected)


def test_tasks_with_the_same_loss(config, data, build_model, make_images):
    """One would replace the other."""
    heads = config['bbox_head']['task_heads']
    heads['size'] = dict(heads['height'])
    model, samples = build_model(config), data['data_samples']
    with pytest.raises(InputError, match="two tasks have a loss '.*height'"):
        model.loss(make_images(samples), samples)


def test_defaults():
    """What a task need not write."""
    task = TaskHead(embed_dims=8, num_pred_layers=3)
    persons = InstanceData(labels=torch.zeros(2))
    assert task.prepare_targets(persons, None) is persons
    assert task.match_cost({}, persons, None) is None
    assert task.loss_per_step({}, {}, [persons], None, None) == {}
    assert not task.needs_pixel_embedding
    outputs = dict(heights=torch.rand(2, 5))
    assert task.decode(outputs, {}, None) == outputs
    results = task.pack(outputs, None, [], rescale=True)
    assert [result.keys() for result in results] == [{'heights'}] * 2
    assert results[1]['heights'].equal(outputs['heights'][1])
    for call in (lambda: task(None, None, 0),
                 lambda: task.loss({}, [], None, None)):
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.parametrize('share', [True, False])
def test_branches(share):
    """Independent copies that start equal, or one for all layers."""
    task = TaskHead(embed_dims=8, num_pred_layers=4, share_branches=share)
    branches = task.build_branches(lambda: nn.Linear(8, 3))
    assert len(branches) == 4
    assert len(list(branches.parameters())) == (2 if share else 8)
    assert all(branch.weight.equal(branches[0].weight) for branch in branches)
    with torch.no_grad():
        branches[0].weight += 1
    assert branches[3].weight.equal(branches[0].weight) == share


def test_shared_branches_of_all_tasks(tiny_config, build_model, make_sample,
                                      make_images):
    """The paper's parameter counts need them; they train and are saved."""
    cfg = tiny_config()
    for task in cfg['bbox_head']['task_heads'].values():
        task['share_branches'] = True
    model = build_model(cfg)
    tasks = model.bbox_head.task_heads
    for branches in (tasks['mask'].mask_branches, tasks['pose'].kpt_branches,
                     tasks['pose'].kpt_cls_branches, tasks['gender'].branches,
                     tasks['age'].branches):
        assert all(branch is branches[0] for branch in branches)
    samples = [make_sample()]
    sum(model.train().loss(make_images(samples), samples).values()).backward()
    assert tasks['mask'].mask_branches[0][0].weight.grad.any()
    other = build_model(cfg, seed=1)
    other.load_state_dict(model.state_dict())
