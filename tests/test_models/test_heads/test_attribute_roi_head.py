"""Mask R-CNN with an attribute branch."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmhqnet import testing
from mmhqnet.registry import MODELS

CONFIG = Path(__file__).parents[3] / (
    'configs/baselines/mask-rcnn-gender_toy_r18_1xb4_toy-unihuman.py')


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    return model


def batch(*numbers):
    samples = [
        testing.make_sample(
            n, (64, 96), ori_shape=(128, 192), seed=n, dtype=torch.float)
        for n in numbers
    ]
    for sample in samples:
        sample.set_metainfo(dict(pad_shape=(64, 96)))
    return testing.make_images(samples, dtype=torch.float), samples


@pytest.mark.ops
def test_unlabelled_persons_do_not_count(model):
    images, samples = batch(2, 0)
    losses = model.loss(images, samples)
    assert losses['loss_gender'] > 0 and 'loss_mask' in losses
    for sample in samples:
        sample.gt_instances.genders[:] = -1
    assert model.loss(images, samples)['loss_gender'] == 0


@pytest.mark.ops
def test_attributes_are_those_of_the_boxes_in_any_pixels(model):
    """Scaled results are read at the same place, and images stay apart."""
    model.eval()
    images, samples = batch(2, 1)
    head = model.detector.roi_head
    with torch.no_grad():
        inside = model.predict(images, samples, rescale=False)
        inside = [sample.pred_instances for sample in inside]
        outside = model.predict(*batch(2, 1), rescale=True)
        feats = model.extract_feat(images)
        for number, (a, b) in enumerate(zip(inside, outside)):
            b = b.pred_instances
            assert len(a) == len(b.gender_scores) > 0
            torch.testing.assert_close(a.gender_scores, b.gender_scores)
            alone = head._features([feat[number:number + 1] for feat in feats],
                                   [a.bboxes])
            torch.testing.assert_close(
                head.attributes.predict(alone)['gender_scores'],
                a.gender_scores)
