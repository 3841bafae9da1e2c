"""Variants of the model: each builds, and differs in what it says."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

import mmhqnet  # noqa: F401
from mmhqnet.engine import FreezeHook
from mmhqnet.models.encoded_images import EncodedImages
from mmhqnet.registry import HOOKS, METRICS, MODELS
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo

FOLDER = Path(__file__).parents[2] / 'configs/hqnet'
PAPER = 'hqnet_r50_16xb1-100e_coco-unihuman'
ATTRIBUTES = ['gender', 'age']
ALL = ['mask', 'pose', *ATTRIBUTES]


@pytest.fixture(autouse=True)
def mmdet_scope():
    """As a runner does with ``default_scope = 'mmdet'``."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def load(name):
    config = Config.fromfile(FOLDER / f'{name}.py')
    config.model.backbone.init_cfg = None  # needs the network
    return config


def variant(what):
    return load(f'hqnet_r50-{what}_16xb1-100e_coco-unihuman')


@pytest.mark.parametrize(
    'path', sorted(FOLDER.glob('*.py')), ids=lambda path: path.stem)
def test_what_is_evaluated_is_learnt(path):
    config = load(path.stem)
    heads = config.model.bbox_head.task_heads
    tasks = {task for task, head in heads.items() if head}
    for split in ('val', 'test'):
        evaluator = config[f'{split}_evaluator']
        dataset = config[f'{split}_dataloader'].dataset
        assert evaluator.pop(
            'ann_file') == dataset.data_root + dataset.ann_file
        metrics = set(METRICS.build(evaluator).metrics)
        assert metrics <= {'box', *tasks}
    assert config.optim_wrapper
    # from the multi-task model, or from a converted backbone
    assert config.load_from is None or PAPER in config.load_from or (
        config.load_from.startswith('checkpoints/'))


@pytest.mark.parametrize('what, tasks', [
    ('box', []),
    ('box-mask', ['mask']),
    ('box-mask-pose', ['mask', 'pose']),
])
def test_tasks(what, tasks, build_weightless):
    config = variant(what)
    model = build_weightless(config.model)
    assert list(model.bbox_head.task_heads) == tasks
    for evaluator in (config.val_evaluator, config.test_evaluator):
        assert METRICS.build(dict(evaluator,
                                  ann_file=None)).metrics == ['box', *tasks]


def matching_costs(config):
    """Costs of each task: 5 random predictions for 2 persons of an image."""
    heads = MODELS.build(config.model).bbox_head.task_heads
    assert list(heads) == ALL
    torch.manual_seed(0)
    encoded = EncodedImages(
        memory=torch.zeros(1, 1, 256),
        memory_mask=None,
        memory_pos=None,
        spatial_shapes=None,
        level_start_index=None,
        valid_ratios=None,
        pixel_embedding=torch.randn(1, 256, 16, 16),
        img_metas=[dict(img_shape=(64, 64), batch_input_shape=(64, 64))])
    masks = np.zeros((2, 64, 64), np.uint8)
    masks[:, 10:40, 20:50] = 1
    persons = InstanceData(
        bboxes=torch.tensor([[0., 0, 32, 32], [8., 8, 64, 64]]),
        masks=BitmapMasks(masks, 64, 64),
        keypoints=torch.rand(2, 17, 2) * 64,
        keypoints_visible=torch.full((2, 17), 2.),
        areas=torch.tensor([1000., 3000.]))
    outputs = dict(
        pose=dict(keypoints=torch.rand(5, 17, 2), kpt_cls=torch.randn(5, 1)),
        mask=dict(mask_embedding=torch.randn(5, 256)))
    return {
        task:
        heads[task].match_cost(outputs[task],
                               heads[task].prepare_targets(persons,
                                                           encoded), encoded)
        for task in outputs
    }


@pytest.mark.parametrize('what, with_pose, with_mask', [
    ('match-box', False, False),
    ('match-box-pose', True, False),
])
def test_matching(what, with_pose, with_mask):
    costs = matching_costs(variant(what))
    assert costs['pose'].shape == costs['mask'].shape == (5, 2)
    assert costs['pose'].all() == with_pose == costs['pose'].any()
    assert costs['mask'].all() == with_mask == costs['mask'].any()


def test_the_paper_matches_with_everything():
    assert all(cost.all() for cost in matching_costs(load(PAPER)).values())


def test_paper_reports_persons_that_are_not_small():
    config = load(PAPER)
    assert config.test_evaluator.exclude_small
    assert config.test_evaluator.metric == ['box', *ALL]


@pytest.mark.parametrize('split, ending', [('val', '-val'), ('test', '')])
def test_ochuman(split, ending):
    config = load(f'{PAPER}_test-ochuman{ending}')
    assert f'_{split}_' in config.test_dataloader.dataset.ann_file
    assert '_val_' in config.val_dataloader.dataset.ann_file
    assert 'coco_unihuman_train' in config.train_dataloader.dataset.ann_file
    assert config.model == load(PAPER).model


def test_humanart():
    config = load(f'{PAPER}_test-humanart')
    assert 'HumanArt' in config.test_dataloader.dataset.ann_file
    assert 'coco_unihuman_train' in config.train_dataloader.dataset.ann_file
    assert config.model == load(PAPER).model


def test_crowdpose_has_its_own_keypoints(build_weightless):
    config = load('hqnet_r50_16xb1-100e_crowdpose')
    pose = config.model.bbox_head.task_heads.pose
    metainfo = load_keypoint_metainfo('crowdpose')
    assert pose.num_keypoints == metainfo['num_keypoints'] == 14
    assert list(pose.sigmas) == metainfo['sigmas']
    assert 'trainval' in config.train_dataloader.dataset.ann_file
    assert 'test' in config.test_dataloader.dataset.ann_file
    model = build_weightless(config.model)
    assert list(model.bbox_head.task_heads) == ['pose']


def test_faces_train_on_from_the_multi_task_model(build_weightless):
    config = load('hqnet_r50_16xb1-12e_coco-wholebody-face')
    assert f'/{PAPER}/' in config.load_from
    model = build_weightless(config.model)
    multi_task = build_weightless(load(PAPER).model).state_dict()
    state = model.state_dict()
    # All of it comes from there; what is missing belongs to other tasks.
    assert state.keys() <= multi_task.keys()
    assert all(state[name].shape == multi_task[name].shape for name in state)
    hook, = config.custom_hooks
    assert isinstance(HOOKS.build(hook), FreezeHook)
    for name in hook.modules:
        assert list(model.get_submodule(name).parameters())
    assert max(
        scheduler.end
        for scheduler in config.param_scheduler) == config.train_cfg.max_epochs


def test_a_face_head_beside_the_multi_task_model(build_weightless):
    """All weights come from there but those of the faces."""
    config = load('hqnet_r50-face_16xb1-12e_coco-wholebody')
    assert f'/{PAPER}/' in config.load_from
    state = build_weightless(config.model).state_dict()
    multi_task = build_weightless(load(PAPER).model).state_dict()
    new = state.keys() - multi_task.keys()
    assert not multi_task.keys() - state.keys()
    assert new and all('task_heads.face.' in name for name in new)
    faces_alone = load('hqnet_r50_16xb1-12e_coco-wholebody-face')
    assert config.param_scheduler == faces_alone.param_scheduler
    assert config.custom_hooks == faces_alone.custom_hooks
