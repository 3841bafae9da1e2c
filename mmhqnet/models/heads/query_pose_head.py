"""Sparse R-CNN's cascade whose every stage also estimates poses."""
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch
from mmdet.models.roi_heads import SparseRoIHead
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from mmengine.model import ModuleDict, ModuleList
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.registry import MODELS, TASK_UTILS

from ..layers import from_box, resolve_part_groups, to_box
from ..losses import layer_mean, normaliser
from ..matching import Assignment
from ..prediction_layers import full_precision
from ..task_heads import AttributeHead, build_attribute_heads
from .query_pose_layer import PartPoses


class Stage(NamedTuple):
    """What the box head of a stage says about all queries.

    Attributes:
        cls_scores (Tensor): Logits, (bs, num_queries, 1).
        bboxes (Tensor): xyxy in pixels of the input, (bs, num_queries, 4).
        query (Tensor): Queries of the persons, (bs, num_queries, dim).
        poses (PartPoses, optional): In the full version, where the poses of
            a stage act on the boxes of the next.
    """
    cls_scores: Tensor
    bboxes: Tensor
    query: Tensor
    poses: Optional[PartPoses]


@MODELS.register_module()
class QueryPoseHead(SparseRoIHead):
    """Boxes of Sparse R-CNN, and poses from part queries (QueryPose, sec. 3).

    Part queries belong to their query through all stages, in training as at
    test time. One matching per stage, by class and box alone, serves boxes
    and poses.

    Args:
        part_groups: Keypoints of each part; see :func:`resolve_part_groups`.
        pose_extractor: Config of the regions for poses.
        pose_layer: Config of each stage's :class:`QueryPoseLayer`.
        attributes: Configs of attribute heads by name, such as
            :class:`GenderHead`; each reads the queries of all stages.
        train_cfg: With ``assigner``, a :class:`HumanQueryAssigner`.

    Raises: InputError: If ``part_groups`` is no partition of the keypoints;
        see also :func:`build_attribute_heads`.
    """

    def __init__(self,
                 *,
                 num_keypoints: int = 17,
                 part_groups: Optional[Sequence[Sequence[int]]] = None,
                 part_dims: int = 128,
                 pose_extractor: dict = dict(
                     type='RegionExtractor', output_size=14, strides=[4]),
                 pose_layer: dict = dict(type='QueryPoseLayer'),
                 loss_kpt: dict = dict(type='ResidualLogLikelihoodLoss'),
                 attributes: Optional[Mapping[str, dict]] = None,
                 train_cfg: Optional[dict] = None,
                 **kwargs) -> None:
        # NOTE mmdet's head wants an assigner and a sampler for each stage;
        # ours matches all stages at once and needs no sampler.
        super().__init__(train_cfg=None, **kwargs)
        for head in self.bbox_head:
            # NOTE the default of mmcv's attention, which mmdet's head uses,
            # is what the last one that asked for dropout got.
            dropout = head.instance_interactive_conv_dropout.p
            head.attention.dropout_layer = nn.Dropout(dropout)
        self.train_cfg = train_cfg
        if train_cfg is not None:
            self.assigner = TASK_UTILS.build(train_cfg['assigner'])
        self.num_keypoints = num_keypoints
        part_groups = resolve_part_groups(part_groups, num_keypoints)
        self.part_query = nn.Embedding(len(part_groups), part_dims)
        self.pose_extractor = MODELS.build(pose_extractor)
        layer = dict(
            part_groups=part_groups,
            part_dims=part_dims,
            region_size=self.pose_extractor.output_size)
        self.pose_layers = ModuleList(
            MODELS.build({
                **layer,
                **pose_layer
            }) for _ in range(self.num_stages))
        self.loss_kpt = MODELS.build(loss_kpt)
        self.attributes = ModuleDict(
            build_attribute_heads(
                attributes,
                'model.roi_head.attributes',
                embed_dims=self.bbox_head[0].in_channels,
                num_pred_layers=self.num_stages))

    def decode(self, feats: Sequence[Tensor],
               rpn_results_list: InstanceList) -> List[Dict[str, Tensor]]:
        """Run all stages for all queries.

        Args:
            feats: Maps of strides 4, 8, 16, 32, each (bs, dim, h, w).
            rpn_results_list: ``bboxes`` and ``features`` of each image's
                initial proposals.

        Returns:
            list[dict[str, Tensor]]: Of each stage ``cls_scores`` (bs,
            num_queries, 1), logits; ``bboxes`` (bs, num_queries, 4), xyxy in
            pixels of the input; ``mu`` and ``sigma`` (bs, num_queries, K, 2),
            relative to the box; ``keypoints`` (bs, num_queries, K, 2) in
            pixels; ``keypoint_scores`` (bs, num_queries, K); and the columns
            of the attributes, such as ``genders`` (bs, num_queries).
        """
        stages = self._detect(feats, rpn_results_list)
        return [
            dict(
                cls_scores=stage.cls_scores,
                bboxes=stage.bboxes,
                mu=poses.mu,
                sigma=poses.sigma,
                keypoints=from_box(poses.mu, stage.bboxes.detach()),
                keypoint_scores=1 - poses.sigma.mean(-1),
                **self._read_attributes(number, stage.query))
            for number, (stage, poses) in enumerate(
                zip(stages, self._estimate(feats, stages)))
        ]

    def _read_attributes(self, number: int,
                         query: Tensor) -> Dict[str, Tensor]:
        """Columns of the attributes, (bs, num_queries), of a stage."""
        columns = {}
        for head in self.attributes.values():
            outputs = dict(logits=_logits(head, query, number))
            columns.update(head.decode(outputs, {}, None))
        return columns

    def _detect(self, feats: Sequence[Tensor],
                rpn_results_list: InstanceList) -> List[Stage]:
        """Run the box heads, and in the full version what acts on them."""
        boxes = torch.stack([result.bboxes for result in rpn_results_list])
        query = torch.stack([result.features for result in rpn_results_list])
        part_query = self._initial_part_query(boxes)
        stages = []
        for number, head in enumerate(self.bbox_head):
            # The initial boxes learn from their regions as well.
            regions = self.bbox_roi_extractor[number](feats, boxes)
            logits, deltas, query, _ = head(regions.flatten(0, 1), query)
            boxes = head.bbox_coder.decode(
                boxes.flatten(0, 1),
                full_precision(deltas).flatten(0, 1)).view_as(boxes)
            stage = Stage(full_precision(logits), boxes, query, None)
            # The next stage learns from its own errors.
            boxes = boxes.detach()
            if self._poses_act_on_boxes:
                poses = self._pose(feats, number, boxes, query, part_query)
                query, part_query = poses.query, poses.part_query
                stage = stage._replace(poses=poses)
            stages.append(stage)
        return stages

    def _estimate(self,
                  feats: Sequence[Tensor],
                  stages: Sequence[Stage],
                  kept: Optional[Tensor] = None) -> List[PartPoses]:
        """Poses of each stage, of the kept queries (bs, n) or of all."""
        if self._poses_act_on_boxes:
            return [stage.poses for stage in stages]
        poses, part_query = [], None
        for number, stage in enumerate(stages):
            boxes, query = stage.bboxes.detach(), stage.query
            if kept is not None:
                boxes, query = (
                    rows.gather(1, kept[...,
                                        None].expand(-1, -1, rows.shape[-1]))
                    for rows in (boxes, query))
            if part_query is None:
                part_query = self._initial_part_query(boxes)
            poses.append(self._pose(feats, number, boxes, query, part_query))
            part_query = poses[-1].part_query
        return poses

    def _initial_part_query(self, boxes: Tensor) -> Tensor:
        """Learned part queries, the same for all: (bs, n, P, part_dims)."""
        return self.part_query.weight.expand(*boxes.shape[:2], -1, -1)

    def _pose(self, feats: Sequence[Tensor], number: int, boxes: Tensor,
              query: Tensor, part_query: Tensor) -> PartPoses:
        """Run the pose layer of a stage; all is (bs, n, ...)."""
        regions = self.pose_extractor(feats, boxes)
        poses = self.pose_layers[number](*(rows.flatten(0, 1)
                                           for rows in (regions, query,
                                                        part_query)))
        shape = boxes.shape[:2]
        poses = [rows.unflatten(0, shape) for rows in poses]
        query, part_query, mu, sigma = poses
        return PartPoses(query, part_query, full_precision(mu),
                         full_precision(sigma))

    @property
    def _poses_act_on_boxes(self) -> bool:
        return any(layer.interaction is not None for layer in self.pose_layers)

    def loss(self, x: Tuple[Tensor], rpn_results_list: InstanceList,
             batch_data_samples: SampleList) -> Dict[str, Tensor]:
        """Match each stage's queries with the persons and compare.

        Maps and proposals are those of :meth:`decode`.

        Returns: ``s0.loss_cls``, ``_bbox``, ``_iou``, ``_kpt``, of each stage,
            and the losses of the attributes.
        """
        gt_instances = [sample.gt_instances for sample in batch_data_samples]
        stages = self._detect(x, rpn_results_list)
        logits = torch.stack([stage.cls_scores for stage in stages])
        boxes = torch.stack([stage.bboxes for stage in stages])
        assignment = self._match(logits, boxes, batch_data_samples)
        # A short cut: who is matched in no stage needs no pose.
        kept, place = None, None
        if all(layer.is_independent for layer in self.pose_layers):
            kept, place = _ever_matched(assignment, boxes.shape[1:3])
        poses = self._estimate(x, stages, kept)
        # Persons of all processes, at least one: nobody is no reason for
        # infinite losses.
        num_persons = normaliser(
            boxes.new_full((1, 1), sum(map(len, gt_instances))))

        losses = self._box_losses(logits, boxes, gt_instances, assignment,
                                  batch_data_samples, num_persons)
        losses['loss_kpt'] = self._keypoint_loss(poses, boxes.detach(),
                                                 gt_instances, assignment,
                                                 place, num_persons)
        losses.update(self._attribute_losses(stages, gt_instances, assignment))
        return {
            f's{stage}.{name}': weight * loss[stage]
            for stage, weight in enumerate(self.stage_loss_weights)
            for name, loss in losses.items()
        }

    def _match(self, logits: Tensor, boxes: Tensor,
               batch_data_samples: SampleList) -> Assignment:
        """One matching per stage by class and box."""
        costs = []
        for image, sample in enumerate(batch_data_samples):
            predicted = InstanceData(
                scores=logits[:, image].detach().flatten(0, 1),
                bboxes=boxes[:, image].detach().flatten(0, 1))
            cost = self.assigner.box_cost(predicted, sample.gt_instances,
                                          sample.metainfo)
            costs.append(cost.unflatten(0, (self.num_stages, -1)))
        return self.assigner.assign(costs)

    def _box_losses(self, logits: Tensor, boxes: Tensor,
                    gt_instances: InstanceList, assignment: Assignment,
                    batch_data_samples: SampleList,
                    num_persons: Tensor) -> Dict[str, Tensor]:
        """``loss_cls``, ``loss_bbox``, ``loss_iou``, each (num_stages, )."""
        head = self.bbox_head[0]  # the losses of all stages are the same
        # NOTE one-hot, for with labels mmdet's focal loss waits for the device
        # and on CUDA calls an operator that mmcv may not have compiled.
        is_person = torch.zeros_like(
            logits.flatten(1, 2)[..., 0], dtype=torch.bool)
        is_person = is_person.scatter(1, assignment.query_inds, True)
        loss_cls = head.loss_cls(
            logits.flatten(0, 2),
            is_person.flatten()[:, None],
            reduction_override='none')

        pred = assignment.queries(boxes)
        target = assignment.persons(
            [gt.bboxes.to(boxes.dtype) for gt in gt_instances])
        sizes = assignment.persons([
            boxes.new_tensor(sample.img_shape[1::-1] * 2).expand(
                len(sample.gt_instances), -1) for sample in batch_data_samples
        ])
        # NOTE mmdet's L1 loss of nothing is one zero.
        loss_bbox = head.loss_bbox(
            pred / sizes, target / sizes,
            reduction_override='none').expand_as(pred)
        loss_iou = head.loss_iou(
            pred.flatten(0, 1),
            target.flatten(0, 1),
            reduction_override='none')
        return dict(
            loss_cls=layer_mean(
                loss_cls.view(self.num_stages, -1), num_persons),
            loss_bbox=layer_mean(loss_bbox, num_persons),
            loss_iou=layer_mean(loss_iou.view(pred.shape[:2]), num_persons))

    def _keypoint_loss(self, poses: Sequence[PartPoses], boxes: Tensor,
                       gt_instances: InstanceList, assignment: Assignment,
                       place: Optional[Tensor], num_persons: Tensor) -> Tensor:
        """Residual log-likelihood of the matched persons, (num_stages, )."""
        query_inds = assignment.query_inds
        matched_boxes = assignment.queries(boxes)
        if place is not None:
            query_inds = place[query_inds]
        stages = torch.arange(
            self.num_stages, device=query_inds.device)[:, None]
        mu, sigma = (
            torch.stack(outputs).flatten(1, 2)[stages, query_inds]
            for outputs in zip(*((pose.mu, pose.sigma) for pose in poses)))
        target, inside = to_box(
            assignment.persons([gt.keypoints for gt in gt_instances]),
            matched_boxes)
        labelled = assignment.persons(
            [gt.keypoints_visible for gt in gt_instances]) > 0
        # As in the release: what the box leaves out is not learnt.
        weight = (labelled & inside)[..., None]
        loss = self.loss_kpt(mu, sigma, target, weight.to(mu.dtype))
        return layer_mean(loss, num_persons * self.num_keypoints)

    def _attribute_losses(self, stages: Sequence[Stage],
                          gt_instances: InstanceList,
                          assignment: Assignment) -> Dict[str, Tensor]:
        """Such as ``loss_gender``, (num_stages, ), of the matched persons."""
        losses = {}
        for head in self.attributes.values():
            logits = torch.stack([
                _logits(head, stage.query, number)
                for number, stage in enumerate(stages)
            ])
            targets = [head.prepare_targets(gt, None) for gt in gt_instances]
            losses.update(
                head.loss(dict(logits=logits), targets, assignment, None))
        return losses

    def predict(self,
                x: Tuple[Tensor],
                rpn_results_list: InstanceList,
                batch_data_samples: SampleList,
                rescale: bool = False) -> InstanceList:
        """Rank the queries of the last stage; nothing is suppressed.

        Maps and proposals are those of :meth:`decode`.

        Returns:
            Persons of each image, best first, at most
            ``test_cfg.max_per_img``: ``bboxes``, ``scores`` (probability of a
            person times the mean score of its keypoints), ``labels``,
            ``keypoints`` and ``keypoint_scores``, in pixels of the original
            image if ``rescale``, and the columns of the attributes. Persons
            whose box is outside of the image are left out.
        """
        last = self.decode(x, rpn_results_list)[-1]
        scores = last['cls_scores'].squeeze(-1).sigmoid()
        scores = scores * last['keypoint_scores'].mean(-1)
        num_kept = min(self.test_cfg['max_per_img'], scores.shape[1])
        results = []
        for image, sample in enumerate(batch_data_samples):
            best, kept = scores[image].topk(num_kept)
            persons = {
                name: values[image, kept]
                for name, values in last.items()
                if name not in ('cls_scores', 'mu', 'sigma')
            }
            boxes, keypoints = persons['bboxes'], persons['keypoints']
            height, width = sample.img_shape[:2]
            if rescale:
                factor = boxes.new_tensor(sample.scale_factor)
                boxes, keypoints = boxes / factor.repeat(2), keypoints / factor
                height, width = sample.ori_shape[:2]
            # Keypoints may lie outside of the image, boxes may not.
            boxes = boxes.clamp(min=0).minimum(
                boxes.new_tensor([width, height] * 2))
            persons.update(
                bboxes=boxes,
                scores=best,
                labels=torch.zeros_like(kept),
                keypoints=keypoints)
            result = InstanceData(**persons)
            results.append(result[(boxes[:, 2:] > boxes[:, :2]).all(-1)])
        return results


def _logits(head: AttributeHead, query: Tensor, stage: int) -> Tensor:
    """What an attribute's branch of a stage says, (bs, num_queries, n)."""
    return full_precision(head(query, None, stage)['logits'])


def _ever_matched(assignment: Assignment,
                  shape: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
    """Queries that any stage gives to a person, as many of each image.

    Returns:
        Their index in the image, (bs, n), where images with fewer are filled
        up with others; and the place of each of the (bs, num_queries) queries
        among them, (bs * num_queries, ).
    """
    bs, num_queries = shape
    matched = assignment.query_inds.new_zeros(bs * num_queries)
    matched[assignment.query_inds.flatten()] = 1
    matched = matched.view(shape)
    # One at least keeps all parameters in the graph, which distributed
    # training relies on.
    number = max(int(matched.sum(1).max()), 1)
    kept = matched.topk(number, dim=1).indices
    rows = torch.arange(bs, device=kept.device)[:, None]
    place = torch.zeros_like(matched)
    place[rows, kept] = torch.arange(
        bs * number, device=kept.device).view(bs, number)
    return kept, place.flatten()
