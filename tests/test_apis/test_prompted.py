from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmhqnet.apis.prompted import init_prompted, predict_prompts
from mmhqnet.errors import InputError
from mmhqnet.structures import Box, Point, Scribble, Text
from mmhqnet.testing import build_model, tiny_uniphd_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A tiny model from a config and a checkpoint file."""
    folder = tmp_path_factory.mktemp('model')
    config = Config.fromfile(ROOT / 'configs/uniphd/'
                             'uniphd_toy_r18_1xb4_toy-refhuman.py')
    config._cfg_dict.model = tiny_uniphd_config()
    config.dump(folder / 'config.py')
    from mmengine.registry import init_default_scope
    init_default_scope('mmdet')
    weights = build_model(config.model, dtype=torch.float32).state_dict()
    torch.save(
        dict(
            state_dict=weights,
            meta=dict(dataset_meta=dict(classes=('person', )))),
        folder / 'model.pth')
    return init_prompted(str(folder / 'config.py'), str(folder / 'model.pth'))


def image():
    return np.random.default_rng(0).integers(
        0, 255, (90, 120, 3), dtype=np.uint8)


def test_prompts_of_all_kinds_in_one_call(model):
    prompts = [Text('left'), Point(20, 30), Scribble([[1, 2], [30, 40]])]
    results = predict_prompts(model, image(), prompts)
    assert len(results) == 3
    for result, prompt in zip(results, prompts):
        assert result.masks.shape[1:] == (90, 120)
        alone, = predict_prompts(model, image(), [prompt])
        torch.testing.assert_close(
            alone.keypoints, result.keypoints, atol=1e-2, rtol=1e-3)
    assert predict_prompts(model, image(), []) == []


@pytest.mark.parametrize('prompt', [Point(121, 3), Box(1, 2, 3, 4)])
def test_prompts_that_cannot_be_are_refused(model, prompt):
    with pytest.raises(InputError):
        predict_prompts(model, image(), [prompt])


def test_other_models_read_no_prompts():
    with pytest.raises(InputError, match='prompt_selection'):
        init_prompted(
            str(ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'),
            'none.pth')
