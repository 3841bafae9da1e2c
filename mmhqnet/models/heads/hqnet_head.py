"""One matching per layer, shared by all tasks."""
from functools import partial
from typing import (Any, Callable, Dict, Iterator, List, Optional, Sequence,
                    Tuple)

import torch
from mmdet.models.dense_heads import DINOHead
from mmdet.models.layers import inverse_sigmoid
from mmdet.models.losses import QualityFocalLoss, VarifocalLoss
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from ..encoded_images import EncodedImages
from ..losses import box_losses, layer_mean, normaliser
from ..matching import Assignment, denoising_assignment
from ..prediction_layers import PredictionLayers, full_precision
from ..task_heads import build_task_heads, to_pixels

Outputs = Dict[str, Dict[str, Tensor]]
Targets = Dict[str, Sequence[Any]]


@MODELS.register_module()
class HQNetHead(PredictionLayers, DINOHead):
    """DINO's box head and the tasks that share its queries and matching.

    In training, the outputs of the 6 decoder layers and of the encoder's
    proposals are matched with the persons by the summed costs of all tasks,
    and every task's loss uses that assignment (paper sec. 3.3). At test time
    the best queries of the last layer are kept first; only they are handed
    to the tasks. Source: method 1.8, 2 and 4.

    Args:
        task_heads: Config of each task's :class:`TaskHead` under a name of the
            user's choice; None switches a task off.
    """

    def __init__(self,
                 *args,
                 task_heads: Optional[Dict[str, Optional[dict]]] = None,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.task_heads = nn.ModuleDict(
            build_task_heads(
                task_heads,
                'model.bbox_head.task_heads',
                embed_dims=self.embed_dims,
                num_pred_layers=self.num_pred_layers))

    @property
    def num_pred_layers(self) -> int:
        """Number of decoder layers, and one for the encoder's proposals."""
        return self.num_pred_layer  # mmdet's name of it

    @property
    def needs_pixel_embedding(self) -> bool:
        """Whether any task reads the stride-4 pixel embedding."""
        return any(task.needs_pixel_embedding
                   for task in self.task_heads.values())

    def init_weights(self) -> None:
        """Initialise the box branches as DINO's, and the tasks."""
        super().init_weights()
        for task in self.task_heads.values():
            task.init_weights()

    def forward_layer(self, query: Tensor, reference: Tensor,
                      layer: int) -> Outputs:
        """Apply the branches of all tasks to the queries of one layer.

        Args:
            query: Human queries, (bs, num_queries, dim).
            reference: Logits of the box reference, normalised cxcywh, (bs,
                num_queries, 4).
            layer: Number of the decoder layer, or ``proposals_layer``.

        Returns:
            Outputs of each task, and under ``box`` what they share: the
            ``queries`` themselves, the ``cls_scores``, logits (bs,
            num_queries, num_classes), and ``bboxes``, normalised cxcywh (bs,
            num_queries, 4).
        """
        outputs = {
            name: self.forward_task(name, query, reference, layer)
            for name in self.task_heads
        }
        outputs['box'] = dict(
            self.forward_box(query, reference, layer), queries=query)
        return outputs

    def forward_task(self, name: str, query: Tensor, reference: Tensor,
                     layer: int) -> Dict[str, Tensor]:
        """Apply the branches of one task; see :meth:`forward_layer`."""
        outputs = self.task_heads[name](query, reference, layer)
        return {key: full_precision(value) for key, value in outputs.items()}

    def forward_box(self, query: Tensor, reference: Tensor,
                    layer: int) -> Dict[str, Tensor]:
        """Apply DINO's own branches alone; see :meth:`forward_layer`."""
        return dict(
            cls_scores=full_precision(self.cls_branches[layer](query)),
            bboxes=(self.reg_branches[layer](query) + reference).sigmoid())

    def forward(self, hidden_states: Tensor, references: List[Tensor],
                **kwargs) -> List[Outputs]:
        """Apply the branches to all decoder layers, without post-processing.

        Args:
            hidden_states: Human queries, (num_layers, bs, num_queries, dim).
            references: What each layer started from, normalised cxcywh, (bs,
                num_queries, 4).
        """
        return [
            self.forward_layer(query, _logits(reference), layer)
            for layer, (
                query, reference) in enumerate(zip(hidden_states, references))
        ]

    def loss(self, hidden_states: Tensor, references: List[Tensor],
             enc_outputs: Outputs, encoded: EncodedImages,
             batch_data_samples: SampleList,
             dn_meta: Dict[str, int]) -> Dict[str, Tensor]:
        """Match queries and persons, and compute all losses.

        Args:
            hidden_states, references: See :meth:`forward`, with the denoising
                queries in front of the others.
            enc_outputs: Outputs of the encoder's proposals, see
                :meth:`forward_layer`.
            dn_meta: ``num_denoising_queries`` and ``num_denoising_groups``.

        Returns: Losses, named as mmdet's DINO names them.

        Raises: InputError: If two tasks give a loss the same name.
        """
        gt_instances = [sample.gt_instances for sample in batch_data_samples]
        num_dn = dn_meta['num_denoising_queries']
        # NOTE a task sees the denoising queries only if it asks for them.
        layers = self(hidden_states[:, :, num_dn:],
                      [reference[:, num_dn:] for reference in references])
        # All layers side by side, (num_pred_layers, bs, num_queries, ...).
        outputs = {
            name: _stack([layer[name] for layer in layers + [enc_outputs]])
            for name in enc_outputs
        }
        targets = {
            name: [
                task.prepare_targets(gt, image)
                for gt, image in zip(gt_instances, encoded)
            ]
            for name, task in self.task_heads.items()
        }
        assignment = self.match(outputs, targets, gt_instances, encoded)

        losses = dict()
        for name, layer_losses in self._layer_losses(outputs, targets,
                                                     gt_instances, assignment,
                                                     encoded):
            _add(losses, self._name_layers(name, layer_losses))
        for name, task in self.task_heads.items():
            _add(
                losses,
                task.loss_per_step(outputs[name], outputs['box'],
                                   targets[name], assignment, encoded))
        _add(
            losses,
            self._denoising_losses(hidden_states[:, :, :num_dn], references,
                                   targets, gt_instances, encoded, dn_meta))
        return losses

    @torch.no_grad()
    def match(self, outputs: Outputs, targets: Targets,
              gt_instances: InstanceList,
              encoded: EncodedImages) -> Assignment:
        """Match queries and persons by the summed costs of all tasks.

        Args:
            outputs: Outputs of all layers, each (num_layers, bs, num_queries,
                ...).
            targets: Prepared targets of each task.
        """
        costs = []
        # Sums over thousands of points overflow half precision.
        with torch.autocast(encoded.memory.device.type, enabled=False):
            for image, gt in enumerate(gt_instances):
                # The layers of an image are so many more queries,
                # (num_layers * num_queries, ...).
                rows = {
                    name: {
                        key: value[:, image].flatten(0, 1)
                        for key, value in output.items()
                    }
                    for name, output in outputs.items()
                }
                cost = self._match_cost(rows, {
                    name: target[image]
                    for name, target in targets.items()
                }, gt, encoded[image])
                costs.append(cost.unflatten(0, (self.num_pred_layers, -1)))
        return self.assigner.assign(costs)

    def _match_cost(self, outputs: Outputs, targets: Dict[str, Any],
                    gt_instances: InstanceData,
                    encoded: EncodedImages) -> Tensor:
        """Cost of one image, (num_layers * num_queries, num_gts)."""
        box = InstanceData(
            scores=outputs['box']['cls_scores'],
            bboxes=bbox_cxcywh_to_xyxy(outputs['box']['bboxes']) *
            encoded.image_sizes().repeat(1, 2))
        cost = self.assigner.box_cost(box, gt_instances, encoded.img_metas[0])
        for name, task in self.task_heads.items():
            task_cost = task.match_cost(outputs[name], targets[name], encoded)
            if task_cost is not None:
                cost = cost + task_cost
        return cost

    def _layer_losses(self, outputs: Outputs, targets: Targets,
                      gt_instances: InstanceList, assignment: Assignment,
                      encoded: EncodedImages) -> Iterator[Tuple[str, Tensor]]:
        """Yield name and losses (num_layers, ) of the box and each task."""
        yield from self._box_losses(outputs['box'], gt_instances, assignment,
                                    encoded).items()
        for name, task in self.task_heads.items():
            yield from task.loss(outputs[name], targets[name], assignment,
                                 encoded).items()

    def _box_losses(self, outputs: Dict[str, Tensor],
                    gt_instances: InstanceList, assignment: Assignment,
                    encoded: EncodedImages) -> Dict[str, Tensor]:
        """``loss_cls``, ``loss_bbox``, ``loss_iou``, each (num_layers, )."""
        # The class of each query, background if it has no person:
        # (num_layers, bs * num_queries).
        logits = outputs['cls_scores'].flatten(1, 2)
        labels = logits.new_full(
            logits.shape[:2], self.num_classes, dtype=torch.long)
        labels = labels.scatter(
            1, assignment.query_inds,
            assignment.persons([gt.labels for gt in gt_instances]))
        # NOTE one-hot, for with labels mmdet's focal loss waits for the device
        # and on CUDA calls an operator that mmcv may not have compiled.
        classes = torch.arange(self.num_classes, device=labels.device)
        target = labels[..., None] == classes

        # The matched queries, their persons, and the size of their image,
        # (num_layers, num_pairs, 4) each.
        pred = assignment.queries(outputs['bboxes'])
        boxes = assignment.persons([gt.bboxes for gt in gt_instances])
        sizes = assignment.persons([
            size.expand(len(gt), -1)
            for gt, size in zip(gt_instances,
                                encoded.image_sizes().repeat(1, 2))
        ])
        loss_bbox, loss_iou = box_losses(pred, boxes, sizes, self.loss_bbox,
                                         self.loss_iou)
        if isinstance(self.loss_cls, (QualityFocalLoss, VarifocalLoss)):
            # Scores that say how well the box fits: the IoU in place of 1.
            ious = bbox_overlaps(
                bbox_cxcywh_to_xyxy(pred.detach()) * sizes,
                boxes.to(pred.dtype),
                is_aligned=True)
            target = target * torch.zeros_like(logits[..., 0]).scatter(
                1, assignment.query_inds, ious)[..., None]
        loss_cls = self.loss_cls(
            logits.flatten(0, 1),
            target.flatten(0, 1),
            reduction_override='none')
        matched = torch.ones_like(assignment.query_inds)
        num_pos = normaliser(matched)
        return dict(
            loss_cls=layer_mean(
                loss_cls.view(len(logits), -1),
                normaliser(matched, sync=self.sync_cls_avg_factor)),
            loss_bbox=layer_mean(loss_bbox, num_pos),
            loss_iou=layer_mean(loss_iou, num_pos))

    def _name_layers(self, name: str, losses: Tensor) -> Dict[str, Tensor]:
        """Name the losses of all layers as mmdet's DINO does."""
        names = [f'd{layer}.{name}' for layer in range(self.last_layer)]
        names += [name, f'enc_{name}']
        return dict(zip(names, losses))

    def _denoising_losses(self, hidden_states: Tensor,
                          references: List[Tensor], targets: Targets,
                          gt_instances: InstanceList, encoded: EncodedImages,
                          dn_meta: Dict[str, int]) -> Dict[str, Tensor]:
        """Losses of the denoising queries, whose persons are known."""
        num_dn = dn_meta['num_denoising_queries']

        def all_layers(branches: Callable) -> Dict[str, Tensor]:
            layers = enumerate(zip(hidden_states, references))
            return _stack([
                branches(query, _logits(reference[:, :num_dn]), layer)
                for layer, (query, reference) in layers
            ])

        assignment = denoising_assignment([len(gt) for gt in gt_instances],
                                          dn_meta['num_denoising_groups'],
                                          len(hidden_states),
                                          hidden_states.device)
        losses = self._box_losses(
            all_layers(self.forward_box), gt_instances, assignment, encoded)
        for name, task in self.task_heads.items():
            if task.denoise:
                outputs = all_layers(partial(self.forward_task, name))
                _add(losses,
                     task.loss(outputs, targets[name], assignment, encoded))
        return {
            key: value
            for name, layer_losses in losses.items()
            for key, value in self._name_layers(f'dn_{name}',
                                                layer_losses).items()
        }

    def predict(self,
                hidden_states: Tensor,
                references: List[Tensor],
                encoded: EncodedImages,
                batch_data_samples: SampleList,
                rescale: bool = True) -> InstanceList:
        """:meth:`select` the persons and :meth:`pack` them."""
        selected = self.select(hidden_states, references, encoded)
        return self.pack(selected, encoded.img_metas, rescale)

    def select(self, hidden_states: Tensor, references: List[Tensor],
               encoded: EncodedImages, **kwargs) -> Outputs:
        """Keep the best queries of the last layer and let the tasks read them.

        Tensors in, tensors out: it can be traced for export.

        Args:
            hidden_states, references: See :meth:`forward`.

        Returns:
            Predictions of each task, see :meth:`TaskHead.decode`, and under
            ``box`` the kept ``queries`` (bs, n, dim), ``bboxes``, normalised
            cxcywh (bs, n, 4), ``scores`` and ``labels`` (bs, n); best first.
        """
        layer = self.last_layer
        query, reference = hidden_states[layer], _logits(references[layer])
        logits = full_precision(self.cls_branches[layer](query))
        # A query and a class of it are a candidate, (bs, queries * classes).
        scores = logits.sigmoid().flatten(1)
        num_kept = min(self.test_cfg.get('max_per_img', 100), scores.shape[1])
        scores, kept = scores.topk(num_kept, dim=1)
        labels = kept % self.cls_out_channels
        # The kept queries and their references, (bs, num_kept, ...).
        kept = (kept // self.cls_out_channels)[..., None]
        query = query.gather(1, kept.expand(-1, -1, query.shape[-1]))
        reference = reference.gather(1, kept.expand(-1, -1, 4))
        outputs = self.forward_layer(query, reference, layer)
        box = dict(
            queries=query,
            bboxes=outputs['box']['bboxes'],
            scores=scores,
            labels=labels)
        selected = {
            name: task.decode(outputs[name], box, encoded)
            for name, task in self.task_heads.items()
        }
        return dict(selected, box=box)

    def pack(self, selected: Outputs, img_metas: List[dict],
             rescale: bool) -> InstanceList:
        """Turn what :meth:`select` gives into results.

        Args:
            selected: From :meth:`select`, or from what was exported; tasks may
                be missing.
            img_metas, rescale: See :meth:`TaskHead.pack`.

        Returns:
            Persons of each image, best first, at most
            ``test_cfg.max_per_img`` and those that score more than
            ``test_cfg.score_thr``, if there is one: ``bboxes``, ``scores``,
            ``labels``, the fields of each task, and ``human_queries`` (n,
            dim) if ``test_cfg.with_queries``.
        """
        threshold = self.test_cfg.get('score_thr')
        if threshold is None:
            return self._pack(selected, img_metas, rescale)
        results = []
        for image, meta in enumerate(img_metas):
            kept = selected['box']['scores'][image] > threshold
            persons = {
                name: {
                    key: value[image:image + 1, kept]
                    for key, value in values.items()
                }
                for name, values in selected.items()
            }
            results += self._pack(persons, [meta], rescale)
        return results

    def _pack(self, selected: Outputs, img_metas: List[dict],
              rescale: bool) -> InstanceList:
        box = selected['box']
        corners = bbox_cxcywh_to_xyxy(box['bboxes']).clamp(0, 1)
        fields = dict(
            bboxes=to_pixels(corners, img_metas, rescale),
            scores=box['scores'],
            labels=box['labels'])
        if self.test_cfg.get('with_queries', False):
            fields['human_queries'] = box['queries']
        results = [
            InstanceData(**dict(zip(fields, values)))
            for values in zip(*fields.values())
        ]
        tasks = {name: selected[name] for name in selected if name != 'box'}
        for name, decoded in tasks.items():
            packed = self.task_heads[name].pack(decoded, box['scores'],
                                                img_metas, rescale)
            for result, task_fields in zip(results, packed):
                for field, value in task_fields.items():
                    result.set_field(value, field)
        return results


def _logits(reference: Tensor) -> Tensor:
    """A reference as logits.

    NOTE eps is 1e-3, as in DINO's decoder; mmdet's DINO head has 1e-5.
    """
    return inverse_sigmoid(reference, eps=1e-3)


def _add(losses: Dict[str, Tensor], more: Dict[str, Tensor]) -> None:
    """Add losses whose names must be new."""
    for name in losses.keys() & more.keys():
        raise InputError(
            f'model.bbox_head.task_heads: two tasks have a loss {name!r}; '
            'give one of them another name, or it would be lost')
    losses.update(more)


def _stack(layers: Sequence[Dict[str, Tensor]]) -> Dict[str, Tensor]:
    """Stack the outputs of all layers."""
    return {
        name: torch.stack([layer[name] for layer in layers])
        for name in layers[0]
    }
