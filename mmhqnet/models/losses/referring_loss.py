"""Losses of UniPHD's groups that were matched with a person.

All coordinates are fractions of the image without padding. Source:
docs/uniphd.md.
"""
from dataclasses import dataclass
from typing import Callable, Dict, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmengine.structures import InstanceData
from torch import Tensor

from .keypoint_loss import object_keypoint_similarity


@dataclass
class ReferredPersons:
    """The n persons that the prompts of a batch mean.

    Attributes:
        boxes: cxcywh, (n, 4).
        keypoints: (n, K, 2).
        visible: 1 where labelled, else 0, (n, K).
        areas: Share of the image, (n, ).
        masks: On the batch's canvas, 0 or 1, (n, H, W).
        mask_valid: False without a mask, (n, ).
    """
    boxes: Tensor
    keypoints: Tensor
    visible: Tensor
    areas: Tensor
    masks: Tensor
    mask_valid: Tensor

    def each(self, function: Callable[[Tensor], Tensor]) -> 'ReferredPersons':
        """The persons with a function applied to every attribute."""
        return ReferredPersons(*map(function, vars(self).values()))


def referred_persons(gt_instances: InstanceData, size: Sequence[int],
                     canvas: Sequence[int], like: Tensor) -> ReferredPersons:
    """Ground truth of one image as fractions of it.

    Args:
        gt_instances: ``bboxes``, and as far as there are any ``keypoints``,
            ``keypoints_visible``, ``areas``, ``masks`` and ``mask_valid``.
        size: (h, w) of the image without padding, pixels.
        canvas: (h, w) of the padded batch.
        like: Gives type and device.
    """
    scale = like.new_tensor([size[1], size[0]])
    boxes = gt_instances.bboxes.to(like)
    keypoints = gt_instances.keypoints.to(like)
    masks = gt_instances.masks.to_tensor(like.dtype, like.device)
    masks = F.pad(
        masks,
        (0, canvas[1] - masks.shape[-1], 0, canvas[0] - masks.shape[-2]))
    mask_valid = gt_instances.get('mask_valid')
    if mask_valid is None:
        mask_valid = masks.new_ones(len(masks), dtype=torch.bool)
    return ReferredPersons(
        boxes=bbox_xyxy_to_cxcywh(boxes / scale.repeat(2)),
        keypoints=keypoints / scale,
        visible=(gt_instances.keypoints_visible > 0).to(like),
        areas=gt_instances.areas.to(like) / scale.prod(),
        masks=masks,
        mask_valid=mask_valid.to(like.device))


def group_focal_loss(logits: Tensor, matched: Tensor) -> Tensor:
    """Focal loss summed over groups and classes, (num_layers, ).

    Args:
        logits: (num_layers, num_groups, num_classes), the person last.
        matched: Indices of the groups that are persons, (num_layers, n).
    """
    target = torch.zeros_like(logits)
    target[..., -1].scatter_(1, matched, 1)
    return py_sigmoid_focal_loss(
        logits, target, reduction='none').flatten(1).sum(1)


def box_losses(pred: Tensor, target: Tensor) -> Tuple[Tensor, Tensor]:
    """L1 and generalised IoU loss of each pair, boxes cxcywh (..., 4).

    NOTE UniPHD adds 1e-6 to both denominators; boxes are fractions, so that
    this is more than rounding.
    """
    first, second = bbox_cxcywh_to_xyxy(pred), bbox_cxcywh_to_xyxy(target)

    def area(corner: Tensor, opposite: Tensor) -> Tensor:
        return (opposite - corner).clamp(min=0).prod(-1)

    inside = area(
        torch.maximum(first[..., :2], second[..., :2]),
        torch.minimum(first[..., 2:], second[..., 2:]))
    hull = area(
        torch.minimum(first[..., :2], second[..., :2]),
        torch.maximum(first[..., 2:], second[..., 2:]))
    union = sum(area(box[..., :2], box[..., 2:])
                for box in (first, second)) - inside
    giou = inside / (union + 1e-6) - (hull - union) / (hull + 1e-6)
    return (pred - target).abs().sum(-1), 1 - giou


def keypoint_losses(pred: Tensor, target: Tensor, visible: Tensor,
                    areas: Tensor,
                    sigmas: Sequence[float]) -> Tuple[Tensor, Tensor]:
    """L1 distance, summed over labelled joints, and 1 - OKS of each pair.

    Args:
        pred: (..., K, 2); so is the target.
        target: Broadcastable to ``pred``.
        visible: 1 where labelled, (..., K).
        areas: (...).

    Returns: Both (...); without a labelled joint 0, and nearly 1.
    """
    distance = ((pred - target).abs().sum(-1) * visible).sum(-1)
    oks = object_keypoint_similarity(pred, target, visible, areas,
                                     pred.new_tensor(sigmas))
    return distance, 1 - oks.clamp(min=1e-6)


def mask_losses(logits: Tensor, target: Tensor) -> Tuple[Tensor, Tensor]:
    """Mean focal loss and dice loss of each pair, masks (..., H, W)."""
    logits, target = torch.broadcast_tensors(logits, target)
    focal = py_sigmoid_focal_loss(logits, target, reduction='none')
    prob = logits.sigmoid()
    overlap, total = (prob * target).sum((-2, -1)), (prob + target).sum(
        (-2, -1))
    return focal.mean((-2, -1)), 1 - (2 * overlap + 1) / (total + 1)


def pair_losses(pred: Dict[str, Tensor], target: ReferredPersons,
                sigmas: Sequence[float]) -> Dict[str, Tensor]:
    """All losses (...) of pairs of groups and persons, without weights.

    Args:
        pred: ``keypoints`` (..., K, 2) and, where they are there, ``bboxes``
            (..., 4), ``visibilities`` (..., K), ``masks`` (..., H, W) and
            ``masks_low`` (..., H/2, W/2), logits.
        target: The persons, broadcastable to the groups.
    """
    losses = dict()
    losses['loss_kpt'], losses['loss_oks'] = keypoint_losses(
        pred['keypoints'], target.keypoints, target.visible, target.areas,
        sigmas)
    if 'bboxes' in pred:
        losses['loss_bbox'], losses['loss_iou'] = box_losses(
            pred['bboxes'], target.boxes)
    if 'visibilities' in pred:
        # NOTE joints without a label count as hidden, as in the release.
        losses['loss_visibility'] = F.binary_cross_entropy_with_logits(
            *torch.broadcast_tensors(pred['visibilities'], target.visible),
            reduction='none').mean(-1)
    for name, step in (('masks', 1), ('masks_low', 2)):
        if name in pred:
            # At half size, the lower right of every 2 x 2 pixels.
            masks = target.masks[..., step - 1::step, step - 1::step]
            for loss, value in zip(('mask', 'dice'),
                                   mask_losses(pred[name], masks)):
                losses[name.replace('masks', f'loss_{loss}')] = (
                    value * target.mask_valid)
    return losses
