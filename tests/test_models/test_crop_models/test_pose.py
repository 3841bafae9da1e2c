"""mmpose's estimators on crops."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmhqnet.compiled_operators import has_compiled_operators
from mmhqnet.errors import InputError
from mmhqnet.models.crop_models import CropPose

CONFIG = Path(__file__).parents[3] / (
    'configs/baselines/dino-crop-pose_toy_r18_1xb4_toy-unihuman.py')


def estimator():
    return Config.fromfile(CONFIG).model.crop_models.pose.estimator


@pytest.mark.ops
def test_true_heat_maps_give_the_true_pose(monkeypatch):
    torch.manual_seed(0)
    model = CropPose(estimator=estimator()).eval()
    boxes = torch.tensor([[20., 10, 80, 150], [100., 40, 160, 100]])
    regions = model.regions(boxes)
    keypoints = boxes[:, None, :2] + torch.rand(2, 17, 2) * (
        boxes[:, None, 2:] - boxes[:, None, :2])
    people = [
        InstanceData(
            keypoints=keypoints[i:i + 1], keypoints_visible=torch.ones(1, 17))
        for i in range(2)
    ]
    seen = {}

    def loss(crops, samples):
        seen['heatmaps'] = torch.stack([s.gt_fields.heatmaps for s in samples])
        return {}

    monkeypatch.setattr(model.estimator, 'loss', loss)
    crops = torch.zeros(2, 3, 96, 64)
    model.loss(crops, regions, people)
    monkeypatch.setattr(model.estimator.head, 'forward',
                        lambda feats: seen['heatmaps'])
    columns = model.predict(crops, regions)
    # Half a pixel of the heat map, which is 4 of the crop.
    tolerance = 2.5 * model._pixel(regions)
    assert ((columns['keypoints'] - keypoints).abs() <= tolerance).all()
    assert columns['keypoint_scores'].shape == (2, 17)
    assert columns['keypoint_scores'].min() > 0.5


@pytest.mark.ops
def test_points_that_nobody_labelled_do_not_count():
    torch.manual_seed(0)
    model = CropPose(estimator=estimator())
    regions = torch.tensor([[0., 0, 64, 96]])
    crops = torch.randn(1, 3, 96, 64)
    losses = []
    for place in (10., 50.):
        keypoints = torch.full((1, 17, 2), place)
        keypoints[:, 1:] = 30
        visible = torch.ones(1, 17)
        visible[:, 0] = 0
        torch.manual_seed(0)
        losses.append(
            model.loss(
                crops, regions,
                [InstanceData(keypoints=keypoints, keypoints_visible=visible)
                 ])['loss_kpt'])
    assert losses[0] > 0 and losses[0] == losses[1]


@pytest.mark.skipif(
    has_compiled_operators(), reason='here mmpose can be imported')
def test_without_what_mmpose_needs():
    with pytest.raises(InputError, match='make env-ops'):
        CropPose(estimator=estimator())
