"""HQNet-Lite: within its budget, and all tasks learn."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet import testing
from mmhqnet.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs/hqnet'
NAMES = [
    'hqnet-lite-s_mobilenetv2_16xb1-100e_coco-unihuman',
    'hqnet-lite-m_r18_16xb1-100e_coco-unihuman',
    'hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person'
]


def build(name):
    init_default_scope('mmdet')
    model = Config.fromfile(CONFIGS / f'{name}.py').model
    model.backbone.init_cfg = None  # needs the network
    torch.manual_seed(0)
    model = MODELS.build(model)
    model.init_weights()
    return model


@pytest.mark.parametrize('name', NAMES)
def test_trains_a_step_and_predicts(name):
    model = build(name)
    samples = [
        testing.make_sample(number, (64, 96), seed=number, dtype=torch.float)
        for number in (2, 0)
    ]
    images = testing.make_images(samples, dtype=torch.float)
    losses, log = model.parse_losses(model.train().loss(images, samples))
    losses.backward()
    assert torch.isfinite(losses)
    # Poses are learnt by the denoising queries too.
    assert log['dn_loss_kpt'] > 0 and log['d0.dn_loss_oks'] > 0
    without = {
        parameter
        for parameter, weight in model.named_parameters()
        if weight.requires_grad and weight.grad is None
    }
    # Of the backbone, a classifier's last convolution; see also
    # find_unused_parameters in the configs.
    assert all(
        parameter.startswith(('backbone.conv2.', 'backbone.layer',
                              'bbox_head.task_heads.mask.mask_branches.'))
        for parameter in without), without
    with torch.no_grad():
        results = model.eval().predict(images, samples)
    for result in results:
        persons = result.pred_instances
        assert persons.masks.shape[1:] == (64, 96)
        assert all(value.isfinite().all() for value in persons.values())


@pytest.mark.parametrize('name', NAMES)
def test_images_of_other_sizes(name):
    """The preprocessor pads them to what the neck can join."""
    model = build(name).eval()
    sample = testing.make_sample(1, (70, 45), dtype=torch.float)
    with torch.no_grad():
        result, = model.test_step(
            dict(inputs=[torch.zeros(3, 70, 45)], data_samples=[sample]))
    assert result.pred_instances.masks.shape[1:] == (70, 45)
