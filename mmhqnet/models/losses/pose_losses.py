"""L1 and OKS losses of whole poses, of a head's or a refiner's."""
from typing import NamedTuple, Tuple

from torch import Tensor, nn

from .reduction import layer_mean, normaliser


class PoseTargets(NamedTuple):
    """Poses of persons.

    Attributes:
        keypoints: In pixels of the input, 0 where not labelled, (..., K, 2).
        labelled: 1 where labelled (visible or not), (..., K).
        visible: 1 where labelled as visible, (..., K).
        areas: Areas in square pixels of the input, (...).
        sizes: (w, h) of the person's image in pixels, (..., 2).
        bboxes: Boxes xyxy in pixels of the input, (..., 4).
    """
    keypoints: Tensor
    labelled: Tensor
    visible: Tensor
    areas: Tensor
    sizes: Tensor
    bboxes: Tensor


def pose_losses(pred: Tensor, targets: PoseTargets, loss_kpt: nn.Module,
                loss_oks: nn.Module) -> Tuple[Tensor, Tensor]:
    """L1 and OKS losses of every layer, (num_layers, ) each (method 2.1).

    Args:
        pred: Of matched queries, normalised, (num_layers, num_pairs, K, 2).
        targets: Their persons, (num_layers, num_pairs, ...).
        loss_kpt: mmdet's loss of the normalised coordinates.
        loss_oks: Loss of the keypoints in pixels.
    """
    weight = targets.labelled[..., None].expand_as(pred)
    sizes = targets.sizes[..., None, :]
    # NOTE weighted here, since mmdet's L1 loss returns one zero instead of a
    # tensor where all weights are zero.
    l1 = weight * loss_kpt(
        pred, targets.keypoints / sizes, reduction_override='none')
    oks = loss_oks(pred * sizes, targets.keypoints, targets.labelled,
                   targets.areas)
    return (layer_mean(l1, normaliser(weight)),
            layer_mean(oks, normaliser(targets.labelled.any(-1))))
