import torch
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

from mmhqnet.models.losses import (COCO_SIGMAS, ReferredPersons,
                                   group_focal_loss, pair_losses,
                                   referred_persons)
from mmhqnet.testing import make_sample


def persons(number=2):
    sample = make_sample(number, img_shape=(64, 96))
    return referred_persons(sample.gt_instances, (64, 96), (64, 128),
                            torch.zeros(1, dtype=torch.float64))


def prediction(target):
    logits = 40 * target.masks - 20
    return dict(
        bboxes=target.boxes,
        keypoints=target.keypoints,
        visibilities=40 * target.visible - 20,
        masks=logits,
        masks_low=logits[:, 1::2, 1::2])


def test_targets_are_fractions_of_the_image_and_masks_of_the_canvas():
    target = persons()
    assert target.masks.shape == (2, 64, 128)
    assert not target.masks[..., 96:].any()
    assert (target.boxes <= 1).all() and (target.keypoints <= 1).all()
    torch.testing.assert_close(target.areas,
                               target.masks.sum((1, 2)) / (64 * 96))


def test_a_perfect_prediction_costs_nothing():
    target = persons()
    for name, loss in pair_losses(prediction(target), target,
                                  COCO_SIGMAS).items():
        assert loss.shape == (2, )
        assert loss.abs().max() < 1e-4, name


def test_pairs_may_be_broadcast_to_a_matrix():
    target = persons()
    rows = {key: value[:, None] for key, value in prediction(target).items()}
    matrix = pair_losses(rows, target.each(lambda value: value[None]),
                         COCO_SIGMAS)
    for name, loss in matrix.items():
        assert loss.shape == (2, 2)
        assert loss.diagonal().abs().max() < 1e-4
        assert loss[0, 1] > 1e-2, name


def test_what_is_not_labelled_gives_no_gradient():
    target = persons(1)
    target.visible.zero_()
    target.mask_valid[:] = False
    pred = {
        key: (value + .1).requires_grad_()
        for key, value in prediction(target).items()
    }
    losses = pair_losses(pred, target, COCO_SIGMAS)
    del losses['loss_visibility'], losses['loss_bbox'], losses['loss_iou']
    sum(loss.sum() for loss in losses.values()).backward()
    for name in ('keypoints', 'masks', 'masks_low'):
        assert not pred[name].grad.any()


def test_only_matched_groups_should_score():
    logits = torch.full((1, 3, 2), -9.)
    matched = torch.tensor([[1]])
    missed = group_focal_loss(logits, matched)
    logits[0, 1, 1] = 9
    assert group_focal_loss(logits, matched) < 1e-3 < missed
    logits[0, 1, 0] = 9  # class 0 is nobody
    assert group_focal_loss(logits, matched) > 1
    assert group_focal_loss(logits, matched[:, :0]).shape == (1, )


def test_masks_of_the_batch_are_padded():
    gt = InstanceData(
        bboxes=torch.zeros(1, 4),
        keypoints=torch.zeros(1, 17, 2),
        keypoints_visible=torch.zeros(1, 17),
        areas=torch.ones(1),
        masks=BitmapMasks([torch.ones(4, 6).numpy()], 4, 6))
    target = referred_persons(gt, (4, 6), (8, 8), torch.zeros(1))
    assert isinstance(target, ReferredPersons)
    assert target.masks.sum() == 24 and target.mask_valid.all()
