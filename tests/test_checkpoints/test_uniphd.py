import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmhqnet.models  # noqa: F401
from mmhqnet.checkpoints import convert_uniphd
from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/parity/uniphd'


def released(*files):
    """Weights by their released names; equal ones share their memory."""
    weights = {}
    for file in files:
        for key, shape in json.loads((DATA / file).read_text()).items():
            shape = shape['shape'] if isinstance(shape, dict) else shape
            weights[key] = torch.zeros(()).expand(shape)
    return weights


def test_every_released_weight_has_a_place():
    weights = released('head_keys.json', 'other_keys.json')
    weights['text_encoder.text_backbone.embeddings.position_ids'] = (
        torch.arange(514)[None])
    config = Config.fromfile(ROOT / 'configs/_base_/models/uniphd_swin-t.py')
    config.model.text_encoder = None
    config.model.backbone.init_cfg = None
    init_default_scope('mmdet')
    model = MODELS.build(config.model)
    converted = convert_uniphd(
        dict(model={f'module.{key}': value
                    for key, value in weights.items()}))
    ours = {key: tuple(value.shape) for key, value in converted.items()}
    text = {key for key in ours if key.startswith('text_encoder.model.')}
    assert len(text) == 199
    assert {key: ours[key]
            for key in ours.keys() - text} == {
                key: tuple(value.shape)
                for key, value in model.state_dict().items()
            }


@pytest.mark.parametrize('change, message', [
    (lambda weights: weights.pop('text_proj.fc.bias'), '1 missing'),
    (lambda weights: weights.update(extra=torch.zeros(1)), 'unexpected'),
    (lambda weights: weights.update({'text_proj.fc.bias': torch.zeros(3)}),
     'misshapen'),
    (lambda weights: weights.update(
        {'transformer.decoder.class_embed.0.bias': torch.ones(2)}), 'unequal'),
])
def test_other_weights_are_refused_by_name(change, message):
    weights = released('head_keys.json')
    change(weights)
    with pytest.raises(InputError, match=f'UniPHD with Swin-T.*{message}'):
        convert_uniphd(weights)
