"""Each backbone's config trains a step and predicts, with a small transformer.

The largest backbones are shortened; their full sizes are counted.
"""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet import testing
from mmhqnet.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs/hqnet'
ATTENTION = dict(embed_dims=256, num_heads=4)
FFN = dict(embed_dims=256, feedforward_channels=64)
SHORTENED = {
    'swin-l': dict(depths=[1, 1, 1, 1]),
    'vit-l': dict(depth=2, global_blocks=(1, ), img_size=128)
}


def load(name):
    init_default_scope('mmdet')
    path = CONFIGS / f'hqnet_{name}_16xb1-100e_coco-unihuman.py'
    return Config.fromfile(path).model


def small(name):
    model = load(name)
    model.backbone.update(init_cfg=None, **SHORTENED.get(name, {}))
    if 'convert_weights' in model.backbone:
        model.backbone.convert_weights = False
    model.num_queries = 10
    for coder in (model.encoder, model.decoder):
        coder.num_layers = 1
        coder.layer_cfg.ffn_cfg.update(FFN)
    model.bbox_head.task_heads.mask.num_points = 100
    model.test_cfg.max_per_img = 5
    return model


@pytest.mark.parametrize(
    'name', ['r18', 'swin-t', 'swin-l', 'convnext-t', 'mobilenetv2', 'vit-l'])
def test_trains_a_step_and_predicts(name):
    torch.manual_seed(0)
    model = MODELS.build(small(name))
    model.init_weights()
    samples = [testing.make_sample(2, (96, 128), dtype=torch.float)]
    images = testing.make_images(samples, dtype=torch.float)
    losses, _ = model.parse_losses(model.train().loss(images, samples))
    losses.backward()
    assert torch.isfinite(losses)
    gradients = [
        p.grad.abs().max() for p in model.backbone.parameters()
        if p.grad is not None
    ]
    assert max(gradients) > 0
    with torch.no_grad():
        result, = model.eval().predict(images, samples)
    persons = result.pred_instances
    assert persons.masks.shape == (5, 96, 128)
    assert all(
        torch.isfinite(persons[field]).all()
        for field in ('bboxes', 'keypoints', 'ages', 'mask_scores'))


@pytest.mark.parametrize('name, million', [('swin-l', 195.0), ('vit-l', 304.4),
                                           ('swin-t', 27.5)])
def test_full_size_as_published(name, million, build_weightless):
    backbone = build_weightless(load(name).backbone)
    number = sum(p.numel() for p in backbone.parameters())
    assert number / 1e6 == pytest.approx(million, rel=0.01)
