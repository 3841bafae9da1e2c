"""L1 and IoU losses of boxes, of persons or of parts of them."""
from typing import Tuple

from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from torch import Tensor, nn


def box_losses(pred: Tensor, boxes: Tensor, sizes: Tensor,
               loss_bbox: nn.Module,
               loss_iou: nn.Module) -> Tuple[Tensor, Tensor]:
    """Losses of matched boxes without reduction (method 2.1).

    Args:
        pred: Normalised cxcywh, (num_layers, num_pairs, 4).
        boxes: True ones, xyxy in pixels of the input, the same shape.
        sizes: (w, h, w, h) of the pair's image, the same shape.
        loss_bbox, loss_iou: mmdet's, of normalised cxcywh and of pixels.

    Returns: (num_layers, num_pairs, 4) and (num_layers, num_pairs).
    """
    target = bbox_xyxy_to_cxcywh(boxes.to(pred.dtype) / sizes)
    # NOTE mmdet's L1 loss of nothing is one zero.
    l1 = loss_bbox(pred, target, reduction_override='none').expand_as(pred)
    # NOTE its IoU losses take plain lists of boxes.
    iou = loss_iou(
        (bbox_cxcywh_to_xyxy(pred) * sizes).flatten(0, 1),
        (bbox_cxcywh_to_xyxy(target) * sizes).flatten(0, 1),
        reduction_override='none')
    return l1, iou.view(pred.shape[:2])
