"""Sampling points of chosen persons, side by side."""
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
MAIN = runpy.run_path(str(ROOT / 'tools/analysis_tools/show_attention.py'))


@pytest.fixture(scope='module')
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp('attention')
    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    checkpoint = folder / 'random.pth'
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    image = folder / 'grey.png'
    cv2.imwrite(str(image), np.full((60, 90, 3), 128, np.uint8))
    return [
        str(image), '--config',
        str(CONFIG), '--checkpoint',
        str(checkpoint)
    ]


def test_a_picture_for_each_person(options, tmp_path):
    out = tmp_path / 'new/attention.png'
    MAIN['main']([*options, '--person', '0', '3', '--out', str(out)])
    picture = cv2.imread(str(out))
    assert picture.shape == (60, 180, 3) and picture.std() > 1


def test_clear_errors(options, tmp_path, capsys):
    out = str(tmp_path / 'out.png')
    for arguments, message in (([*options, '--person', '30'], 'are 0 to 29'),
                               (['none.jpg',
                                 *options[1:]], 'cannot read image none.jpg')):
        with pytest.raises(SystemExit) as stop:
            MAIN['main']([*arguments, '--out', out])
        error = capsys.readouterr().err
        assert stop.value.code == 2 and message in error
