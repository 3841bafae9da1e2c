import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo


@pytest.fixture
def dataset_meta():
    return load_keypoint_metainfo('coco')


@pytest.fixture
def make_person():
    """Builds one predicted person in the middle of a 160 x 120 image."""

    def build(**changes):
        rng = np.random.default_rng(0)
        keypoints = rng.uniform((50, 30), (110, 100), (1, 17, 2))
        mask = torch.zeros(1, 120, 160, dtype=torch.bool)
        mask[:, 30:100, 55:105] = True
        fields = dict(
            bboxes=torch.tensor([[45., 25., 115., 105.]]),
            labels=torch.zeros(1, dtype=torch.long),
            scores=torch.tensor([0.934]),
            masks=mask,
            keypoints=torch.from_numpy(keypoints).float(),
            keypoint_scores=torch.full((1, 17), 0.9),
            genders=torch.tensor([1]),
            gender_scores=torch.tensor([0.8]),
            ages=torch.tensor([26.6]))
        fields.update(changes)
        return InstanceData(**{
            k: v
            for k, v in fields.items() if v is not None
        })

    return build
