"""A detector that finds the same two persons in every image."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.models.detectors import BaseDetector
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmhqnet.registry import MODELS

PHOTOS = Path(__file__).parents[1] / 'data' / 'coco_ccby' / 'images'


@MODELS.register_module()
class TwoPersonDetector(BaseDetector):
    """Its one weight is the age it gives to everybody."""

    def __init__(self, width=1, **kwargs):
        super().__init__(**kwargs)
        self.age = torch.nn.Parameter(torch.full((width, ), 40.))

    def predict(self, inputs, samples, rescale=True):
        for image, sample in zip(inputs, samples):
            height, width = sample.img_shape
            mean = image[:, :height, :width].mean()
            height, width = sample.ori_shape
            masks = torch.zeros(2, height, width, dtype=torch.bool)
            masks[:, :height // 2] = True
            scores = torch.tensor([0.9, 0.2])
            sample.pred_instances = InstanceData(
                bboxes=torch.tensor([[0., 0, width / 2, height / 2]] * 2),
                labels=torch.zeros(2, dtype=torch.long),
                scores=scores,
                masks=masks,
                mask_scores=scores,
                keypoints=mean + torch.arange(68.).reshape(2, 17, 2),
                keypoint_scores=scores[:, None].repeat(1, 17),
                genders=torch.tensor([1, 0]),
                gender_scores=torch.tensor([0.75, 0.125]),
                ages=self.age.detach()[:1].repeat(2),
                colors=['red', 'blue'])  # of a task that nobody knows
        return samples

    def loss(self, inputs, samples):
        raise NotImplementedError

    _forward = extract_feat = loss


@pytest.fixture
def photos():
    """Three real photos of different sizes."""
    names = ('000000000790.jpg', '000000001000.jpg', '000000183709.jpg')
    return [str(PHOTOS / name) for name in names]


@pytest.fixture
def config(tmp_path):
    """Config of the fake detector; its annotation file does not exist."""
    return Config(
        dict(
            model=dict(
                type='TwoPersonDetector',
                data_preprocessor=dict(type='DetDataPreprocessor')),
            test_dataloader=dict(
                dataset=dict(
                    type='CocoUniHumanDataset',
                    data_root=str(tmp_path / 'nowhere'),
                    ann_file='none.json',
                    test_mode=True,
                    pipeline=[
                        dict(type='LoadImageFromFile'),
                        dict(
                            type='HumanResize',
                            scale=(96, 96),
                            keep_ratio=True),
                        dict(type='LoadHumanAnnotations'),
                        dict(
                            type='PackHumanInputs',
                            meta_keys=('img_id', 'img_path', 'ori_shape',
                                       'img_shape', 'scale_factor'))
                    ])),
            visualizer=dict(type='HumanLocalVisualizer')))


@pytest.fixture
def config_file(config, tmp_path):
    """The same as a file."""
    path = tmp_path / 'fake.py'
    config.dump(path)
    return str(path)


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint of the fake detector, for which everybody is 31."""
    path = tmp_path / 'fake.pth'
    torch.save(dict(meta={}, state_dict=dict(age=torch.tensor([31.]))), path)
    return str(path)


@pytest.fixture
def bad_images(photos, tmp_path):
    """Paths of a missing, a truncated, an empty image and of a text."""
    folder = tmp_path / 'bad'
    folder.mkdir()
    (folder / 'truncated.jpg').write_bytes(
        Path(photos[0]).read_bytes()[:20000])
    (folder / 'empty.jpg').write_bytes(b'')
    (folder / 'text.jpg').write_text(json.dumps('no image'))
    png = cv2.imencode('.png', np.full((40, 50, 3), 99, np.uint8))[1]
    (folder / 'cut_off.png').write_bytes(png.tobytes()[:-20])
    names = ('missing.jpg', 'truncated.jpg', 'empty.jpg', 'text.jpg',
             'cut_off.png')
    return [str(folder / name) for name in names]
