"""The paper's R-50 configuration on a real photo, at its test resolution."""
import resource
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmhqnet.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / 'tests/data/coco_ccby'
CONFIG = ROOT / 'configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py'


@pytest.fixture(scope='module')
def cfg():
    cfg = Config.fromfile(CONFIG)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None  # the weights would be downloaded
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.update(
            data_root=str(PHOTOS),
            ann_file='person_keypoints.json',
            data_prefix=dict(img='images'))
    # The longest way through training: no smaller size, no crop.
    load, annotate, *_, pack = cfg.train_dataloader.dataset.pipeline
    resize = dict(type='HumanResize', scale=(1333, 800), keep_ratio=True)
    cfg.train_dataloader.dataset.pipeline = [load, annotate, resize, pack]
    return cfg


@pytest.fixture(scope='module')
def model(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def batch(loader):
    return pseudo_collate([DATASETS.build(loader.dataset)[0]])


def report(task, start, capsys):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with capsys.disabled():
        print(f'\n{task}: {time.perf_counter() - start:.1f} s on '
              f'{torch.get_num_threads()} thread(s), peak memory of the '
              f'process {peak:.1f} GiB')


@pytest.mark.slow
def test_inference(cfg, model, capsys):
    data = batch(cfg.test_dataloader)
    assert max(data['inputs'][0].shape) > 1000
    model.eval()
    start = time.perf_counter()
    with torch.no_grad():
        result, = model.test_step(data)
    report('inference', start, capsys)
    persons = result.pred_instances
    assert len(persons) == 100
    assert persons.masks.shape[1:] == result.ori_shape
    for field, value in persons.items():
        assert value.isfinite().all(), field


@pytest.mark.slow
def test_training_step(cfg, model, capsys):
    data = batch(cfg.train_dataloader)
    assert len(data['data_samples'][0].gt_instances) > 0
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    before = model.decoder.norm.weight.clone()
    model.train()
    start = time.perf_counter()
    losses = model.train_step(data, optim_wrapper)
    report('training step', start, capsys)
    assert all(loss.isfinite() for loss in losses.values())
    assert 'd4.loss_kpt' in losses and 'enc_loss_mask' in losses
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert not model.decoder.norm.weight.equal(before)
