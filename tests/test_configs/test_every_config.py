"""Each config is read, and its model built without memory for weights."""
from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
# NMS and RoIAlign, or mmpose's models, are compiled.
COMPILED = ('faster-rcnn', 'mask-rcnn', 'dino-crop-pose')


def every_config():
    for path in sorted(CONFIGS.glob('[!_]*/*.py')):
        marks = [pytest.mark.ops] if path.stem.startswith(COMPILED) else []
        yield pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize('path', every_config())
def test_model_is_built(path, build_weightless):
    config = Config.fromfile(path)
    # mmdet's tools rely on it.
    assert config.default_hooks.checkpoint
    encoder = config.model.get('text_encoder')
    if encoder and encoder.type == 'HFTextEncoder' and not find_spec(
            'transformers'):
        config.model.text_encoder = None  # the rest is built anyway
    model = build_weightless(config.model)
    if '_r50' in path.stem:
        assert sum(weight.numel() for weight in model.parameters()) > 4e7
