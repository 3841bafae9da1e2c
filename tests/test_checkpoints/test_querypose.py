"""Names of the released QueryPose; what it computes: the parity tests."""
import json
from pathlib import Path

import pytest
import torch
from mmdet.models.backbones import ResNet
from mmdet.models.necks import FPN

from mmhqnet.checkpoints import convert_querypose
from mmhqnet.checkpoints.querypose import querypose_name
from mmhqnet.errors import InputError

KEYS = Path(__file__).parents[1] / 'data/parity/querypose/querypose_keys.json'


@pytest.fixture
def released():
    keys = json.loads(KEYS.read_text())
    return {
        key: torch.zeros(())
        for key in keys['full'] if key not in set(keys['light_lacks'])
    }


def test_wrapped_and_prefixed_names(released):
    expected = convert_querypose(released).keys()
    assert len(expected) == len(released) == 820
    wrapped = dict(model={f'module.{key}': v for key, v in released.items()})
    assert convert_querypose(wrapped).keys() == expected


def test_unknown_weight(released):
    released['head.pose_head_series.0.fc_depth.weight'] = torch.zeros(())
    with pytest.raises(InputError, match='1 unknown, such as .*fc_depth'):
        convert_querypose(released)


@pytest.mark.parametrize('part', [
    'part_query', 'criterion.flow.flow.s', 'head.head_series.3.linear1',
    'head.pose_head_series.5.updater.fc2'
])
def test_missing_part(released, part):
    fewer = {
        key: value
        for key, value in released.items() if not key.startswith(f'{part}.')
    }
    assert len(fewer) < len(released)
    with pytest.raises(InputError, match=f'1 missing, such as {part}'):
        convert_querypose(fewer)


def test_a_stage_of_which_only_a_part_is_full(released):
    name = 'head.pose_head_series.0.pose_decoder_inst_interact.norm1.weight'
    released[name] = torch.zeros(())
    with pytest.raises(InputError, match='missing, such as .*inst_interact'):
        convert_querypose(released)


def test_no_weights():
    with pytest.raises(InputError):
        convert_querypose([1, 2])


def detectron2_name(name):
    """Of a weight of mmdet's ResNet or FPN."""
    part, layer, *rest = name.split('.')
    if part == 'neck':
        kind = dict(lateral_convs='lateral', fpn_convs='output')[layer]
        return f'backbone.fpn_{kind}{int(rest[0]) + 2}.{rest[-1]}'
    if not rest[1:]:  # the stem
        norm = 'norm.' if layer == 'bn1' else ''
        return f'backbone.bottom_up.stem.conv1.{norm}{rest[0]}'
    block, module, *rest = rest
    if module == 'downsample':
        module = 'shortcut' + ('.norm' if rest[0] == '1' else '')
    elif module.startswith('bn'):
        module = f'conv{module[2:]}.norm'
    return (f'backbone.bottom_up.res{int(layer[5:]) + 1}.{block}.{module}.'
            f'{rest[-1]}')


def test_backbone_and_pyramid_of_detectron2():
    with torch.device('meta'):
        model = torch.nn.ModuleDict(
            dict(
                backbone=ResNet(50), neck=FPN([256, 512, 1024, 2048], 256, 4)))
    names = [
        name for name in model.state_dict()
        if not name.endswith('num_batches_tracked')
    ]
    assert len(names) > 250
    for name in names:
        assert querypose_name(detectron2_name(name)) == name


def test_branches_of_hrnet_keep_their_names():
    assert querypose_name(
        'backbone.bottom_up.stage2.0.branches.1.0.conv1.weight'
    ) == 'backbone.stage2.0.branches.1.0.conv1.weight'
