"""What UniPHD reads from its query groups."""
import math
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmdet.models.layers import inverse_sigmoid
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmdet.utils import InstanceList
from mmengine.model import BaseModule, ModuleList, bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.registry import MODELS, TASK_UTILS

from ..layers import (InstanceMaskHead, build_mlp, move_joints, resize_maps,
                      with_centre)
from ..losses import (COCO_SIGMAS, ReferredPersons, group_focal_loss,
                      normaliser, pair_losses, referred_persons)
from ..matching import Assignment
from ..prediction_layers import full_precision
from ..task_heads import build_attribute_heads

Outputs = Dict[str, Tensor]

# As released; losses of unrefined masks have the weights of the refined ones.
WEIGHTS = dict(
    loss_cls=2.0,
    loss_bbox=5.0,
    loss_iou=2.0,
    loss_kpt=10.0,
    loss_oks=4.0,
    loss_visibility=4.0,
    loss_mask=2.0,
    loss_dice=5.0,
    loss_mask_low=2.0,
    loss_dice_low=5.0)
ASSIGNER = dict(
    type='HumanQueryAssigner',
    match_costs=[dict(type='FocalLossCost', weight=2.0)])


@dataclass
class DrawingBoard:
    """What masks are drawn from.

    Attributes:
        features: Sum of the memory's levels, (bs, dim, H/8, W/8).
        feat4, feat8: Maps of the backbone, strides 4 and 8.
        sizes: (w, h) of the images without padding, (bs, 2).
    """
    features: Tensor
    feat4: Tensor
    feat8: Tensor
    sizes: Tensor

    def __getitem__(self, images: Union[int, Tensor]) -> 'DrawingBoard':
        """The boards of some images of the batch."""
        if isinstance(images, int):
            images = slice(images, images + 1)
        return DrawingBoard(*(value[images] for value in vars(self).values()))


@MODELS.register_module()
class RefPoseMaskHead(BaseModule):
    """Class, box, joints, visibilities and mask of every query group.

    Layers have branches of their own; they share the mask head. The encoder
    proposes poses with branches of its own. Source: docs/uniphd.md.

    Args:
        num_classes: The last one is the person; the released model has one
            more that is never right.
        num_pred_layer: Decoder layers, and one for the encoder.
        mask_head: Of :class:`InstanceMaskHead`.
        attributes: Config of attribute heads, by any name; they read the
            instance token. An addition to UniPHD.
        weights: Weights of the losses by their names, for losses and matching
            costs, where they differ from the release.
        train_cfg: ``assigner``, with the cost of the class.
        test_cfg: ``max_per_img``, how many groups to return (by default all),
            and ``rank_classes``, True for the released ranking: the best pairs
            of group and class, where a group may appear twice.
        **kwargs: ``share_pred_layer`` and ``as_two_stage``, which mmdet's
            detectors hand to every head and which are fixed here.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_classes: int = 2,
                 num_keypoints: int = 17,
                 num_pred_layer: int = 7,
                 mask_head: Optional[dict] = None,
                 attributes: Optional[Dict[str, dict]] = None,
                 weights: Optional[Dict[str, float]] = None,
                 sigmas: Sequence[float] = COCO_SIGMAS,
                 train_cfg: Optional[dict] = None,
                 test_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dims = embed_dims
        self.num_keypoints = num_keypoints
        self.weights = {**WEIGHTS, **(weights or {})}
        self.sigmas = tuple(sigmas)
        self.assigner = TASK_UTILS.build((train_cfg
                                          or {}).get('assigner', ASSIGNER))
        self.test_cfg = test_cfg or {}
        num_layers = num_pred_layer - 1

        def branches(num_outputs: int, num_hidden: int) -> ModuleList:
            return ModuleList(
                build_mlp(embed_dims, embed_dims, num_outputs, num_hidden)
                for _ in range(num_layers))

        self.cls_branches = branches(num_classes, 0)
        self.reg_branches = branches(4, 2)
        self.kpt_branches = branches(2, 2)
        self.visibility_branches = branches(1, 0)
        self.enc_cls_branch = nn.Linear(embed_dims, num_classes)
        self.enc_kpt_branch = build_mlp(embed_dims, 2 * embed_dims,
                                        2 * num_keypoints, 3)
        self.mask_head = InstanceMaskHead(
            embed_dims=embed_dims, **(mask_head or {}))
        self.attributes = nn.ModuleDict(
            build_attribute_heads(
                attributes,
                'model.bbox_head.attributes',
                embed_dims=embed_dims,
                num_pred_layers=num_layers))

    def init_weights(self) -> None:
        """Start with a low score, and with boxes and joints that stay put."""
        super().init_weights()
        for branch in [*self.cls_branches, [self.enc_cls_branch]]:
            nn.init.constant_(branch[-1].bias, bias_init_with_prob(0.01))
        for branch in [
                *self.reg_branches, *self.kpt_branches, self.enc_kpt_branch
        ]:
            nn.init.zeros_(branch[-1].weight)
            nn.init.zeros_(branch[-1].bias)
        for attribute in self.attributes.values():
            attribute.init_weights()

    def propose(self, tokens: Tensor, centres: Tensor) -> Tensor:
        """Normalised centre and joints of a pose per token, (bs, n, K + 1, 2).

        Args:
            tokens: (bs, n, dim).
            centres: Logits of normalised x, y, (bs, n, 2).
        """
        steps = full_precision(self.enc_kpt_branch(tokens))
        steps = steps.unflatten(-1, (-1, 2))
        return with_centre((centres[..., None, :] + steps).sigmoid())

    def forward_layer(self, hidden: Tensor, reference: Tensor,
                      layer: int) -> Outputs:
        """Apply the branches of one layer.

        Args:
            hidden: Tokens of all groups, (..., K + 1, dim).
            reference: Places the layer started from, normalised, (..., K + 1,
                2).

        Returns:
            ``cls_scores`` (..., num_classes) logits, ``bboxes`` (..., 4)
            normalised cxcywh, ``keypoints`` (..., K, 2) normalised,
            ``visibilities`` (..., K) logits.
        """
        instance, joints = hidden[..., 0, :], hidden[..., 1:, :]
        centre = inverse_sigmoid(reference[..., 0, :], eps=1e-3)
        box = self.reg_branches[layer](instance) + F.pad(centre, (0, 2))
        outputs = dict(
            cls_scores=self.cls_branches[layer](instance),
            bboxes=box.sigmoid(),
            keypoints=move_joints(reference[..., 1:, :],
                                  self.kpt_branches[layer](joints)),
            visibilities=self.visibility_branches[layer](joints).squeeze(-1))
        # At least float32, also under mixed precision.
        return {name: value.to(reference) for name, value in outputs.items()}

    def forward(self, hidden_states: Tensor,
                references: Sequence[Tensor]) -> List[Outputs]:
        """Apply the branches of all layers; see :meth:`forward_layer`."""
        return [
            self.forward_layer(hidden, reference, layer)
            for layer, (
                hidden,
                reference) in enumerate(zip(hidden_states, references))
        ]

    def draw(self, hidden: Tensor, reference: Tensor,
             board: DrawingBoard) -> Tensor:
        """Masks (bs, n, 16, H/8, W/8), see :meth:`InstanceMaskHead.forward`.

        Tokens and places, (bs, n, K + 1, ...), as in :meth:`forward_layer`.
        """
        centres = reference[..., 0, :] * board.sizes[:, None]
        return self.mask_head(hidden[..., 0, :], centres, board.features)

    def masks(self, hidden: Tensor, reference: Tensor,
              board: DrawingBoard) -> Tensor:
        """Refined masks, logits of all pixels of the canvas, (bs, n, H, W)."""
        return self.mask_head.refine(
            self.draw(hidden, reference, board), board.feat4, board.feat8)

    def loss(self, hidden_states: Tensor, references: Sequence[Tensor],
             board: DrawingBoard, enc_outputs: Outputs,
             batch_data_samples: SampleList) -> Dict[str, Tensor]:
        """Match groups and persons; losses are named as in mmdet's DINO.

        Args:
            hidden_states: (num_layers, bs, num_groups, K + 1, dim).
            references: Places that each layer started from, (bs, num_groups, K
                + 1, 2).
            board: What to draw masks from.
            enc_outputs: ``cls_scores`` and ``keypoints`` of the proposals.
            batch_data_samples: Ground truth; an image has one person, or none.
        """
        gt_instances = [sample.gt_instances for sample in batch_data_samples]
        persons = [
            referred_persons(gt, sample.img_shape, sample.batch_input_shape,
                             board.sizes)
            for gt, sample in zip(gt_instances, batch_data_samples)
        ]
        layers = self(hidden_states, references)
        outputs = {
            name: torch.stack([layer[name] for layer in layers])
            for name in layers[0]
        }
        references = torch.stack(list(references))
        assignment = self._match(outputs, persons,
                                 (hidden_states, references, board))
        losses = self._layer_losses(outputs, persons, assignment,
                                    hidden_states, references, board)
        for name, task in self.attributes.items():
            logits = [
                self._answer(task, hidden, layer)
                for layer, hidden in enumerate(hidden_states)
            ]
            logits = {
                key: torch.stack([layer[key] for layer in logits])
                for key in logits[0]
            }
            losses.update(task.loss(logits, gt_instances, assignment, None))

        enc_outputs = {key: value[None] for key, value in enc_outputs.items()}
        proposed = self._match(enc_outputs, persons)
        enc_losses = self._layer_losses(enc_outputs, persons, proposed)
        named = {f'enc_{name}': value[0] for name, value in enc_losses.items()}
        for name, values in losses.items():
            for layer, value in enumerate(values[:-1]):
                named[f'd{layer}.{name}'] = value
            named[name] = values[-1]
        return named

    @torch.no_grad()
    def _match(self,
               outputs: Outputs,
               persons: Sequence[ReferredPersons],
               drawing: Optional[tuple] = None) -> Assignment:
        """Give each person the group with the lowest sum of weighted losses.

        Masks take part unrefined, and if ``drawing`` is given: hidden states,
        references and board.
        """
        costs = []
        for image, person in enumerate(persons):
            # The groups of all layers, (num_layers * num_groups, 1, ...).
            pred = {
                name: value[:, image].flatten(0, 1)[:, None]
                for name, value in outputs.items()
            }
            num_layers = len(outputs['cls_scores'])
            if drawing is not None:
                hidden, references, board = drawing
                drawn = self.draw(hidden[:, image].flatten(0, 1)[None],
                                  references[:, image].flatten(0, 1)[None],
                                  board[image])
                pred['masks_low'] = self.mask_head.unrefined(drawn)[0][:, None]
            logits = pred['cls_scores'].squeeze(1)
            labels = logits.new_full((len(person.boxes), ),
                                     logits.shape[-1] - 1,
                                     dtype=torch.long)
            cost = self.assigner.box_cost(
                InstanceData(scores=logits), InstanceData(labels=labels), {})
            losses = pair_losses(pred, person.each(lambda rows: rows[None]),
                                 self.sigmas)
            for name, loss in losses.items():
                cost = cost + self.weights[name] * loss
            costs.append(cost.unflatten(0, (num_layers, -1)))
        return self.assigner.assign(costs)

    def _layer_losses(self,
                      outputs: Outputs,
                      persons: Sequence[ReferredPersons],
                      assignment: Assignment,
                      hidden_states: Optional[Tensor] = None,
                      references: Optional[Tensor] = None,
                      board: Optional[DrawingBoard] = None) -> Outputs:
        """Weighted losses, each (num_layers, ); with a board also of masks."""
        target = ReferredPersons(*(assignment.persons(rows)
                                   for rows in zip(*(vars(person).values()
                                                     for person in persons))))
        pred = {
            name: assignment.queries(value)
            for name, value in outputs.items()
        }
        if board is not None:
            num_groups = outputs['cls_scores'].shape[2]
            images = assignment.query_inds[0] // num_groups
            board = board[images]
            # The layers' instances of a person are drawn together.
            drawn = self.draw(
                assignment.queries(hidden_states).transpose(0, 1),
                assignment.queries(references).transpose(0, 1), board)
            pred['masks_low'] = self.mask_head.unrefined(drawn).transpose(0, 1)
            pred['masks'] = self.mask_head.refine(drawn, board.feat4,
                                                  board.feat8).transpose(0, 1)
        number = normaliser(torch.ones_like(assignment.query_inds))
        losses = {
            name: value.sum(1) / number
            for name, value in pair_losses(pred, target, self.sigmas).items()
        }
        if 'loss_visibility' in losses:  # NOTE twice, as released
            losses['loss_visibility'] = losses['loss_visibility'] / number
        loss_cls = group_focal_loss(outputs['cls_scores'].flatten(1, 2),
                                    assignment.query_inds)
        losses['loss_cls'] = loss_cls / number
        return {
            name: self.weights[name] * loss
            for name, loss in losses.items()
        }

    def predict(self,
                hidden_states: Tensor,
                references: Sequence[Tensor],
                board: DrawingBoard,
                batch_data_samples: SampleList,
                rescale: bool = True,
                **kwargs) -> InstanceList:
        """Make results of the last layer's groups, best first.

        Arguments are as of :meth:`loss`.

        Returns:
            ``bboxes`` (n, 4), ``scores``, ``labels`` (n, ), ``masks`` (n, H,
            W), ``mask_scores`` (n, ), ``keypoints`` (n, K, 2),
            ``keypoint_scores`` (n, K): the probability that the joint is in
            the picture; in pixels of the original image if ``rescale``.
        """
        logits = self.cls_branches[-1](hidden_states[-1][..., 0, :])
        scores, kept = self._rank(full_precision(logits))
        index = kept[..., None, None]
        hidden, reference = (
            tensor.gather(1, index.expand(-1, -1, *tensor.shape[2:]))
            for tensor in (hidden_states[-1], references[-1]))
        outputs = self.forward_layer(hidden, reference, -1)
        masks = self.masks(hidden, reference, board)
        attributes = [
            task.pack(
                task.decode(self._answer(task, hidden, -1), {}, None), scores,
                [], rescale) for task in self.attributes.values()
        ]
        results = []
        for image, sample in enumerate(batch_data_samples):
            height, width = sample.img_shape[:2]
            shape = sample.ori_shape[:2] if rescale else (height, width)
            size = scores.new_tensor(shape[::-1])
            results.append(
                InstanceData(
                    bboxes=bbox_cxcywh_to_xyxy(outputs['bboxes'][image]) *
                    size.repeat(2),
                    scores=scores[image],
                    labels=torch.zeros_like(kept[image]),
                    masks=resize_maps(masks[image, :, :height, :width],
                                      shape) > 0,
                    mask_scores=scores[image],
                    keypoints=outputs['keypoints'][image] * size,
                    keypoint_scores=outputs['visibilities'][image].sigmoid()))
            for attribute in attributes:
                results[-1].set_data(attribute[image])
        return results

    @staticmethod
    def _answer(task: nn.Module, hidden: Tensor, layer: int) -> Outputs:
        """What an attribute head reads from the instance tokens."""
        outputs = task(hidden[..., 0, :], None, layer)
        return {name: full_precision(value) for name, value in outputs.items()}

    def _rank(self, logits: Tensor) -> Tuple[Tensor, Tensor]:
        """Scores and indices of the groups to return, (bs, n), best first."""
        number = min(
            self.test_cfg.get('max_per_img', math.inf), logits.shape[1])
        if not self.test_cfg.get('rank_classes', False):
            return logits[..., -1].sigmoid().topk(number, 1)
        scores, pairs = logits.flatten(1).sigmoid().topk(number, 1)
        return scores, pairs // logits.shape[-1]
