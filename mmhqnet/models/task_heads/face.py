"""Coordinate task: a face box relative to the shared box reference."""
from typing import Dict, List, NamedTuple, Optional, Sequence

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.model import bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS, TASK_UTILS

from ..encoded_images import EncodedImages
from ..layers import build_mlp
from ..losses import box_losses, layer_mean, normaliser
from ..matching import Assignment
from .base import Results, TaskHead, to_pixels


class FaceTargets(NamedTuple):
    """Faces of one image's persons.

    Attributes:
        boxes: xyxy in pixels of the input, the person's own box where there is
            no face, (num_gts, 4).
        valid: Whether a face is labelled, bool (num_gts, ).
        sizes: (w, h, w, h) of the image in pixels, (num_gts, 4).
    """
    boxes: Tensor
    valid: Tensor
    sizes: Tensor


@MODELS.register_module()
class FaceHead(TaskHead):
    """A face box and its score for every person.

    The paper does not say how faces are predicted; this is its coordinate
    paradigm. A matched person whose face is not labelled gives no gradient,
    neither to the box nor to the score; queries without a person learn a low
    score.

    Args:
        num_hidden: Hidden layers of the box branch.
        cost_bbox: Matching weight of the L1 distance; 0 for none.
        cost_iou: Matching weight of the generalised IoU; 0 for none.
        loss_cls: Config of the score's loss.
        loss_bbox, loss_iou: On normalised cxcywh, and on boxes in pixels.
    """

    def __init__(
        self,
        *,
        num_hidden: int = 2,
        cost_bbox: float = 0.0,
        cost_iou: float = 0.0,
        loss_cls: dict = dict(
            type='FocalLoss', use_sigmoid=True, loss_weight=1.0),
        loss_bbox: dict = dict(type='L1Loss', loss_weight=5.0),
        loss_iou: dict = dict(type='GIoULoss', loss_weight=2.0),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.match_costs = [
            TASK_UTILS.build(cost) for cost in (
                dict(type='BBoxL1Cost', weight=cost_bbox, box_format='xywh'),
                dict(type='IoUCost', weight=cost_iou, iou_mode='giou'))
            if cost['weight'] > 0
        ]
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_bbox = MODELS.build(loss_bbox)
        self.loss_iou = MODELS.build(loss_iou)
        self.reg_branches = self.build_branches(
            lambda: build_mlp(self.embed_dims, self.embed_dims, 4, num_hidden))
        self.cls_branches = self.build_branches(
            lambda: nn.Linear(self.embed_dims, 1))

    def init_weights(self) -> None:
        """Faces start at the box reference, with a low score."""
        super().init_weights()
        for reg_branch, cls_branch in zip(self.reg_branches,
                                          self.cls_branches):
            nn.init.zeros_(reg_branch[-1].weight)
            nn.init.zeros_(reg_branch[-1].bias)
            nn.init.constant_(cls_branch.bias, bias_init_with_prob(0.01))

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """``bboxes`` (bs, num_queries, 4), normalised cxcywh, and
        ``cls_scores`` (bs, num_queries, 1), logit of a person with a face."""
        return dict(
            bboxes=(self.reg_branches[layer](query) + reference).sigmoid(),
            cls_scores=self.cls_branches[layer](query))

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> FaceTargets:
        """See :meth:`TaskHead.prepare_targets`.

        Raises: InputError: If the data have no faces.
        """
        if 'face_boxes' not in gt_instances:
            raise InputError(
                'FaceHead: the samples have no face_boxes; load them in the '
                'pipeline, or switch the task off')
        valid = gt_instances.face_valid
        boxes = torch.where(valid[:, None], gt_instances.face_boxes,
                            gt_instances.bboxes)
        sizes = encoded.image_sizes().repeat(1, 2)
        return FaceTargets(
            boxes.to(encoded.dtype), valid, sizes.expand(len(boxes), -1))

    def match_cost(self, outputs: Dict[str, Tensor], targets: FaceTargets,
                   encoded: EncodedImages) -> Optional[Tensor]:
        """L1 and IoU costs, if any; 0 for persons without a face."""
        if not self.match_costs:
            return None
        size = encoded.image_sizes().repeat(1, 2)
        pred = InstanceData(
            bboxes=bbox_cxcywh_to_xyxy(outputs['bboxes']) * size)
        faces = InstanceData(bboxes=targets.boxes)
        cost = sum(
            cost(pred, faces, img_meta=encoded.img_metas[0])
            for cost in self.match_costs)
        return cost * targets.valid

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[FaceTargets],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """``loss_face_cls``, ``loss_face_bbox`` and ``loss_face_iou``."""
        # Of the matched persons, (num_layers, num_pairs, ...).
        matched = FaceTargets(*map(assignment.persons, zip(*targets)))
        num_faces = normaliser(matched.valid)
        l1, iou = box_losses(
            assignment.queries(outputs['bboxes']), matched.boxes,
            matched.sizes, self.loss_bbox, self.loss_iou)

        # A query's score learns 1 with a face, 0 without a person, and
        # nothing with a person whose face is not labelled.
        logits = outputs['cls_scores'].flatten(1, 2)
        has_face = torch.zeros_like(logits[..., 0]).scatter(
            1, assignment.query_inds, matched.valid.to(logits.dtype))
        learns = torch.ones_like(has_face).scatter(
            1, assignment.query_inds, matched.valid.to(logits.dtype))
        loss_cls = self.loss_cls(
            logits.flatten(0, 1),
            has_face.flatten()[:, None] > 0,
            reduction_override='none').view_as(learns)
        return dict(
            loss_face_cls=layer_mean(loss_cls * learns, num_faces),
            loss_face_bbox=layer_mean(l1 * matched.valid[..., None],
                                      num_faces),
            loss_face_iou=layer_mean(iou * matched.valid, num_faces))

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``face_boxes`` (bs, n, 4), normalised xyxy, and ``face_scores``
        (bs, n)."""
        return dict(
            face_boxes=bbox_cxcywh_to_xyxy(outputs['bboxes']).clamp(0, 1),
            face_scores=outputs['cls_scores'].squeeze(-1).sigmoid())

    def pack(self, decoded: Dict[str, Tensor], scores: Tensor,
             img_metas: List[dict], rescale: bool) -> Results:
        """``face_boxes`` (n, 4) xyxy in pixels, and ``face_scores`` (n, )."""
        boxes = to_pixels(decoded['face_boxes'], img_metas, rescale)
        return super().pack(
            dict(decoded, face_boxes=boxes), scores, img_metas, rescale)
