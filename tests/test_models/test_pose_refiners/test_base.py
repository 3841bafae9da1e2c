"""A refiner written right here: scores, losses, and the pixel embedding."""
import copy

import pytest
import torch
from torch import nn

from mmhqnet.models.pose_refiners import PoseRefiner
from mmhqnet.registry import MODELS


@MODELS.register_module()
class BoxRefiner(PoseRefiner):
    """Moves keypoints within the box, and knows how far it moved them."""

    needs_pixel_embedding = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.branch = nn.Linear(self.embed_dims, 3 * self.num_keypoints)

    def forward(self, poses, queries, boxes, persons_per_image, encoded):
        images = self.image_inds(persons_per_image, poses.device)
        pixels = encoded.pixel_embedding.mean((2, 3))[images]
        offsets, logits = self.branch(queries + pixels).unflatten(
            -1, (self.num_keypoints, 3)).split([2, 1], -1)
        offsets = offsets.tanh() * boxes[:, None, 2:].detach()
        return [
            dict(
                keypoints=poses.detach() + offsets,
                keypoint_scores=logits[..., 0].sigmoid())
        ]

    def loss(self, refined, targets):
        step, = refined
        error = step['keypoints'] - targets.keypoints / targets.sizes[:, None]
        weight = targets.labelled[..., None]
        return {
            'd0.loss_kpt_moved':
            (error.abs() * weight).sum() / weight.sum().clamp(min=1)
        }


@pytest.fixture
def model(tiny_config, build_model):
    cfg = tiny_config(tasks=('pose', ))
    cfg['bbox_head']['task_heads']['pose']['refine'] = dict(type='BoxRefiner')
    return build_model(cfg)


@pytest.mark.parametrize('num_persons', [2, 0])
def test_losses_of_another_refiner(model, make_sample, make_images,
                                   num_persons):
    """They replace the decoder's, and reach query and pixel embedding."""
    samples = [make_sample(num_persons), make_sample(0, seed=1)]
    losses = model.train().loss(make_images(samples), samples)
    assert 'd0.loss_kpt_moved' in losses
    assert not any('refine' in name for name in losses)
    losses['d0.loss_kpt_moved'].backward()
    for parameter in (model.query_embedding.weight,
                      model.pixel_embedding.mask_feature.weight):
        assert parameter.grad is not None
        assert parameter.grad.any() == (num_persons > 0)


def test_scores_and_poses_of_another_refiner(model, make_sample, make_images):
    """The result has its poses and its score for each keypoint."""
    assert model.bbox_head.needs_pixel_embedding
    samples = [make_sample(2), make_sample(3, seed=1)]
    refine = model.bbox_head.task_heads['pose'].refine
    seen = []
    refine.register_forward_hook(lambda _, args, refined: seen.append(
        (args, refined)))
    results = model.eval().predict(
        make_images(samples), copy.deepcopy(samples), rescale=False)
    ((poses, queries, boxes, persons_per_image, _), (refined, )), = seen
    assert persons_per_image == [10, 10]
    assert poses.shape == (20, 17, 2) and queries.shape == (20, 32)
    for image, result in enumerate(results):
        mine = slice(10 * image, 10 * (image + 1))
        persons = result.pred_instances
        size = torch.tensor([96., 64.])
        torch.testing.assert_close(persons.keypoints,
                                   refined['keypoints'][mine] * size)
        assert persons.keypoint_scores.equal(refined['keypoint_scores'][mine])
        # Query, box and pose are of the same person.
        centres = (persons.bboxes[:, :2] + persons.bboxes[:, 2:]) / 2
        inside = (persons.bboxes[:, :2] > 0).all(-1) & (persons.bboxes[:, 2:]
                                                        < size).all(-1)
        torch.testing.assert_close(centres[inside],
                                   (boxes[mine][:, :2] * size)[inside])


def test_image_of_each_person():
    inds = PoseRefiner.image_inds([2, 0, 3], torch.device('cpu'))
    assert inds.tolist() == [0, 0, 2, 2, 2]


def test_a_refiner_writes_two_methods():
    refiner = PoseRefiner()
    assert not refiner.needs_pixel_embedding
    for call in (lambda: refiner(None, None, None, [], None),
                 lambda: refiner.loss([], None)):
        with pytest.raises(NotImplementedError):
            call()
