"""The configs' train transforms, from the file to the packed sample."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmhqnet.registry import DATASETS
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo

ROOT = Path(__file__).parents[3]
PIPELINES = {
    name: Config.fromfile(ROOT / f'configs/_base_/datasets/{name}.py')
    for name in ('coco_unihuman', 'toy_unihuman')
}


def sample_of(photos, pipeline, flip_prob, seed):
    """The crowded photo through a pipeline; flipped always or never."""
    pipeline = [dict(transform) for transform in pipeline]
    for transform in pipeline:
        if transform['type'] == 'HumanRandomFlip':
            transform['prob'] = flip_prob
    dataset = DATASETS.build(
        dict(
            type='CocoUniHumanDataset',
            ann_file='person_keypoints.json',
            data_root=str(photos),
            data_prefix=dict(img='images'),
            pipeline=pipeline))
    np.random.seed(seed)
    return dataset[0]


@pytest.mark.parametrize('name', PIPELINES)
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_flipped_sample_has_flipped_ground_truth(photos, name, seed):
    """Through all transforms but the crop, whose place is random."""
    pipeline = PIPELINES[name].train_pipeline
    for transform in pipeline:
        if transform['type'] == 'RandomChoice':
            transform['transforms'] = transform['transforms'][:1]
    before = sample_of(photos, pipeline, 0., seed)
    after = sample_of(photos, pipeline, 1., seed)
    assert not before['data_samples'].flip and after['data_samples'].flip

    image, flipped = before['inputs'].flip(-1), after['inputs']
    assert image.shape == flipped.shape and image.float().std() > 10
    # Resizing rounds, distortion may enlarge that.
    assert (image.float() - flipped.float()).abs().mean() < 0.5

    before = before['data_samples'].gt_instances
    after = after['data_samples'].gt_instances
    assert len(before) == len(after) == 13
    width = image.shape[-1]
    x1, y1, x2, y2 = before.bboxes.tensor.unbind(-1)
    torch.testing.assert_close(
        after.bboxes.tensor,
        torch.stack([width - x2, y1, width - x1, y2], -1),
        rtol=0,
        atol=1e-2)
    swapped = load_keypoint_metainfo('coco')['flip_indices']
    assert sorted(swapped) == list(range(17)) and swapped[5] == 6
    visible = before.keypoints_visible[:, swapped]
    torch.testing.assert_close(after.keypoints_visible, visible)
    assert (visible != before.keypoints_visible).any()
    expected = before.keypoints[:, swapped]
    expected[..., 0] = width - expected[..., 0]
    torch.testing.assert_close(
        after.keypoints[visible > 0],
        expected[visible > 0],
        rtol=0,
        atol=1e-2)
    masks = before.masks.to_ndarray()[..., ::-1]
    different = (masks != after.masks.to_ndarray()).sum((1, 2))
    # The nearest pixel is not the same from the left and from the right.
    assert (different <= 0.2 * masks.sum((1, 2))).all()
    for field in ('labels', 'areas', 'genders', 'ages', 'mask_valid'):
        torch.testing.assert_close(after[field], before[field])
