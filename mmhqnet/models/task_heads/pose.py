"""Coordinate task: keypoints relative to the shared box reference."""
from typing import Dict, List, Optional, Sequence

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS, TASK_UTILS

from ..encoded_images import EncodedImages
from ..layers import build_mlp, from_box
from ..losses import (COCO_SIGMAS, PoseTargets, layer_mean, normaliser,
                      pose_losses)
from ..matching import Assignment
from .base import Results, TaskHead, to_pixels


@MODELS.register_module()
class PoseHead(TaskHead):
    """Poses, their confidence, and their refinement (method 1.8 to 1.10).

    Args:
        num_fcs: Hidden layers after the first.
        relative_to_box: Whether keypoints are offsets in units of the box
            (ours) instead of offsets of logits on the whole image: large and
            small persons look alike, which is learnt in fewer steps.
        visibility: Config of the loss of each keypoint's visibility (ours);
            None for none.
        refine: Config of a :class:`PoseRefiner`; None for none.
        cost_kpt_cls: Matching weight of the pose's confidence.
        cost_kpt: Matching weight of the keypoints' L1 distance.
        cost_oks: Matching weight of the logarithm of the OKS.
        loss_kpt_cls, loss_kpt, loss_oks, loss_hm: Of the confidence, the
            normalised coordinates, the OKS and the heat map.

    Raises: InputError: If there is not one sigma for each keypoint.
    """

    def __init__(
        self,
        *,
        num_keypoints: int = 17,
        hidden_dims: int = 512,
        num_fcs: int = 2,
        sigmas: Sequence[float] = COCO_SIGMAS,
        relative_to_box: bool = False,
        visibility: Optional[dict] = None,
        refine: Optional[dict] = dict(type='PoseRefinementDecoder'),
        heatmap: Optional[dict] = dict(type='KeypointHeatmap'),
        cost_kpt_cls: float = 1.0,
        cost_kpt: float = 50.0,
        cost_oks: float = 1.5,
        loss_kpt_cls: dict = dict(
            type='FocalLoss', use_sigmoid=True, loss_weight=1.0),
        loss_kpt: dict = dict(type='L1Loss', loss_weight=50.0),
        loss_oks: dict = dict(type='OKSLoss', loss_weight=1.5),
        loss_hm: dict = dict(type='HeatmapFocalLoss', loss_weight=4.0),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if len(sigmas) != num_keypoints:
            raise InputError(
                f'PoseHead has {len(sigmas)} sigmas, but {num_keypoints} '
                'keypoints: give one sigma for each in the config of the task')
        self.num_keypoints = num_keypoints
        self.relative_to_box = relative_to_box
        self.cost_kpt = cost_kpt
        self.kpt_cls_cost = TASK_UTILS.build(
            dict(type='FocalLossCost', weight=cost_kpt_cls))
        oks = dict(type='OKSLoss', sigmas=sigmas)
        self.oks_cost = MODELS.build(dict(oks, loss_weight=cost_oks))
        self.loss_kpt_cls = MODELS.build(loss_kpt_cls)
        self.loss_kpt = MODELS.build(loss_kpt)
        self.loss_oks = MODELS.build({**oks, **loss_oks})

        self.kpt_branches = self.build_branches(lambda: build_mlp(
            self.embed_dims, hidden_dims, 2 * num_keypoints, num_fcs + 1))
        self.kpt_cls_branches = self.build_branches(
            lambda: nn.Linear(self.embed_dims, 1))
        self.visibility_branches = None
        if visibility is not None:
            self.visibility_branches = self.build_branches(
                lambda: nn.Linear(self.embed_dims, num_keypoints))
            self.loss_visibility = MODELS.build(visibility)
        layer_cfg = dict(
            embed_dims=self.embed_dims, num_keypoints=num_keypoints)
        self.refine = self.heatmap = None
        if refine is not None:
            self.refine = MODELS.build({
                'sigmas': sigmas,
                **layer_cfg,
                **refine
            })
        if heatmap is not None:
            self.heatmap = MODELS.build({**layer_cfg, **heatmap})
            self.loss_hm = MODELS.build(loss_hm)

    @property
    def needs_pixel_embedding(self) -> bool:
        """Whether the refiner reads the pixel embedding."""
        return self.refine is not None and self.refine.needs_pixel_embedding

    def init_weights(self) -> None:
        """All keypoints start at the centre of the box reference."""
        super().init_weights()
        for branch in self.kpt_branches:
            nn.init.zeros_(branch[-1].weight)
            nn.init.zeros_(branch[-1].bias)

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """``keypoints`` (bs, num_queries, K, 2), normalised by the image
        size, ``kpt_cls`` (bs, num_queries, 1), the logit of a person with
        keypoints, and, with that branch, ``visibility`` (bs, num_queries, K),
        the logit of a keypoint that is seen. See :meth:`TaskHead.forward`.
        """
        offsets = self.kpt_branches[layer](query).unflatten(
            -1, (self.num_keypoints, 2))
        if self.relative_to_box:
            keypoints = from_box(offsets,
                                 bbox_cxcywh_to_xyxy(reference.sigmoid()))
        else:
            keypoints = (offsets + reference[..., None, :2]).sigmoid()
        outputs = dict(
            keypoints=keypoints, kpt_cls=self.kpt_cls_branches[layer](query))
        if self.visibility_branches is not None:
            outputs['visibility'] = self.visibility_branches[layer](query)
        return outputs

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> PoseTargets:
        """See :meth:`TaskHead.prepare_targets`."""
        dtype = encoded.dtype
        labelled = (gt_instances.keypoints_visible > 0).to(dtype)
        keypoints = gt_instances.keypoints.to(dtype)
        return PoseTargets(
            keypoints=keypoints * labelled[..., None],
            labelled=labelled,
            visible=(gt_instances.keypoints_visible > 1).to(dtype),
            areas=gt_instances.areas.to(dtype),
            sizes=encoded.image_sizes().expand(len(keypoints), -1),
            bboxes=gt_instances.bboxes.to(dtype))

    def match_cost(self, outputs: Dict[str, Tensor], targets: PoseTargets,
                   encoded: EncodedImages) -> Tensor:
        """Confidence, L1 and OKS costs; 0 for persons without keypoints."""
        labelled, size = targets.labelled, encoded.image_sizes()
        # (num_queries, 1, K, 2) against (num_gts, K, 2).
        pred = outputs['keypoints'][:, None]
        weight = labelled[..., None]
        distance = (pred - targets.keypoints / size).abs() * weight
        distance = distance.sum((-2, -1)) / (2 * labelled.sum(-1)).clamp(min=1)
        oks = self.oks_cost(
            pred * size,
            targets.keypoints,
            labelled,
            targets.areas,
            max_exponent=100)
        confidence = self.kpt_cls_cost(
            InstanceData(scores=outputs['kpt_cls']),
            InstanceData(
                labels=labelled.new_zeros(len(labelled), dtype=torch.long)))
        has_pose = labelled.any(-1)
        return self.cost_kpt * distance + oks + confidence * has_pose

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[PoseTargets],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """``loss_kpt_cls``, ``loss_kpt``, ``loss_oks`` (decoder only) and
        ``loss_kpt_vis`` where it is learnt.
        """
        matched = self._matched(targets, assignment)
        has_pose = matched.labelled.any(-1)
        # Every query that has not got a person with keypoints is background.
        # Targets as probabilities: labels would make mmdet's focal loss wait.
        logits = outputs['kpt_cls'].flatten(1, 2)
        target = torch.zeros_like(logits).scatter(
            1, assignment.query_inds[..., None],
            has_pose[..., None].to(logits.dtype))
        loss_kpt_cls = self.loss_kpt_cls(
            logits.flatten(0, 1),
            target.flatten(0, 1),
            reduction_override='none')

        pred = assignment.queries(outputs['keypoints'])
        loss_kpt, loss_oks = pose_losses(pred, matched, self.loss_kpt,
                                         self.loss_oks)
        losses = dict(
            loss_kpt_cls=layer_mean(
                loss_kpt_cls.view_as(logits), normaliser(has_pose)),
            loss_kpt=loss_kpt,
            # NOTE as in the released code, none for the proposals.
            loss_oks=loss_oks[:self.proposals_layer])
        if self.visibility_branches is not None:
            # Visible against hidden; what is not labelled can be either.
            loss = self.loss_visibility(
                assignment.queries(outputs['visibility']),
                matched.visible,
                reduction_override='none')
            losses['loss_kpt_vis'] = layer_mean(loss * matched.labelled,
                                                normaliser(matched.labelled))
        return losses

    def loss_per_step(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
                      targets: Sequence[PoseTargets], assignment: Assignment,
                      encoded: EncodedImages) -> Dict[str, Tensor]:
        """``loss_hm`` and the refiner's, such as ``d0.loss_kpt_refine``."""
        losses = dict()
        if self.heatmap is not None:
            losses['loss_hm'] = self._heatmap_loss(targets, encoded)
        if self.refine is not None:
            # The matched queries of the last decoder layer, (num_pairs, ...).
            poses, queries, boxes = (
                assignment.queries(pred)[self.last_layer]
                for pred in (outputs['keypoints'], box['queries'],
                             box['bboxes']))
            refined = self.refine(poses, queries, boxes,
                                  assignment.pairs_per_image, encoded)
            matched = PoseTargets(
                *(target[self.last_layer]
                  for target in self._matched(targets, assignment)))
            losses.update(self.refine.loss(refined, matched))
        return losses

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``keypoints`` (bs, n, K, 2), normalised, ``keypoint_scores`` (bs,
        n, K): the refiner's scores, or the confidence of the whole pose; and,
        with that branch, ``keypoints_visible`` (bs, n, K), probabilities.

        Poses are ranked by the detection score (method 4, 10.13).
        """
        poses = outputs['keypoints']
        bs, num_kept = poses.shape[:2]
        decoded = dict(
            keypoints=poses,
            keypoint_scores=outputs['kpt_cls'].sigmoid().expand(
                -1, -1, self.num_keypoints))
        if self.visibility_branches is not None:
            decoded['keypoints_visible'] = outputs['visibility'].sigmoid()
        if self.refine is None:
            return decoded
        refined = self.refine(
            poses.flatten(0, 1), box['queries'].flatten(0, 1),
            box['bboxes'].flatten(0, 1), [num_kept] * bs, encoded)[-1]
        decoded.update({
            name: refined[name].unflatten(0, (bs, num_kept))
            for name in ('keypoints', 'keypoint_scores') if name in refined
        })
        return decoded

    def pack(self, decoded: Dict[str, Tensor], scores: Tensor,
             img_metas: List[dict], rescale: bool) -> Results:
        """As of :meth:`decode`, with ``keypoints`` in pixels."""
        keypoints = to_pixels(decoded['keypoints'], img_metas, rescale)
        return super().pack(
            dict(decoded, keypoints=keypoints), scores, img_metas, rescale)

    @staticmethod
    def _matched(targets: Sequence[PoseTargets],
                 assignment: Assignment) -> PoseTargets:
        """Targets of the matched persons, (num_layers, num_pairs, ...)."""
        return PoseTargets(*map(assignment.persons, zip(*targets)))

    def _heatmap_loss(self, targets: Sequence[PoseTargets],
                      encoded: EncodedImages) -> Tensor:
        """Focal loss of the auxiliary heat maps at stride 8."""
        shape = encoded.spatial_shapes[0]
        logits = self.heatmap(encoded.memory, encoded.memory_pos,
                              encoded.memory_mask, encoded.valid_ratios, shape)
        heatmaps = self.heatmap.draw_targets(
            [target.keypoints
             for target in targets], [target.labelled for target in targets],
            [target.bboxes for target in targets], shape)
        mask = encoded.memory_mask
        if mask is not None:
            mask = mask[:, :shape[0] * shape[1]].unflatten(1, shape)
        return self.loss_hm(logits, heatmaps, mask)
