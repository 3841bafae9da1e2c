"""mmdet's own ways to look at an image, on the main config."""
from pathlib import Path

import mmcv
import pytest
import torch
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.testing import build_model, tiny_config

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py'


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """The main config with a tiny model and tiny images."""
    config = Config.fromfile(CONFIG)
    config.model = tiny_config()
    pipeline = config.test_dataloader.dataset.pipeline
    resize, = (step for step in pipeline if step.type == 'HumanResize')
    resize.scale = (128, 96)
    path = tmp_path_factory.mktemp('config') / 'tiny.py'
    config.dump(path)
    return str(path)


@pytest.fixture(scope='module')
def checkpoint(config):
    init_default_scope('mmdet')
    model = build_model(Config.fromfile(config).model, torch.float32)
    path = Path(config).with_suffix('.pth')
    meta = dict(dataset_meta=dict(classes=('person', )))
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return str(path)


def test_inference_detector(config, checkpoint, photos):
    path = str(photos / 'images' / '000000000785.jpg')
    model = init_detector(config, checkpoint, device='cpu')
    from_file = inference_detector(model, path).pred_instances
    from_array, = inference_detector(model, [mmcv.imread(path)])
    assert from_file.keypoints.shape == (10, 17, 2)
    assert {'masks', 'genders', 'ages'} <= set(from_file.keys())
    assert torch.equal(from_file.bboxes, from_array.pred_instances.bboxes)


def test_det_inferencer(config, checkpoint, photos):
    path = str(photos / 'images' / '000000000785.jpg')
    inferencer = DetInferencer(
        config, checkpoint, device='cpu', show_progress=False)
    prediction, = inferencer(path)['predictions']
    assert len(prediction['bboxes']) == len(prediction['masks']) == 10
