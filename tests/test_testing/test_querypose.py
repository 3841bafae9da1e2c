"""The tiny QueryPose has the parts of the real one."""
from mmengine.registry import init_default_scope

from mmhqnet.testing import build_model, tiny_querypose_config


def test_versions():
    init_default_scope('mmdet')
    light, full = (
        build_model(tiny_querypose_config(interact=interact)).state_dict()
        for interact in (False, True))
    assert light.keys() < full.keys()
    assert all('.interaction.' in name for name in full.keys() - light.keys())


def test_sizes():
    config = tiny_querypose_config(num_stages=4, num_proposals=7)
    assert config.rpn_head.num_proposals == 7
    assert config.roi_head.num_stages == 4
    assert len(config.roi_head.stage_loss_weights) == 4
