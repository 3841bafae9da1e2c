"""One matching of queries and persons for all tasks (HQ-Ins, method 3)."""
from dataclasses import dataclass
from typing import List, Sequence

import numpy as np
import torch
from mmdet.models.task_modules import HungarianAssigner
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmhqnet.registry import TASK_UTILS


@dataclass
class Assignment:
    """Which query belongs to which person, for every prediction layer.

    All persons of a batch are numbered image after image. Each layer has the
    same number of pairs: every person gets a query as long as there are
    queries enough. Pairs are ordered by image, then by query.

    Attributes:
        query_inds: Index into the batch's ``bs * num_queries`` queries,
            (num_layers, num_pairs).
        gt_inds: Index into the batch's persons, (num_layers, num_pairs).
        pairs_per_image: Number of pairs of each image.
    """
    query_inds: Tensor
    gt_inds: Tensor
    pairs_per_image: List[int]

    def queries(self, outputs: Tensor) -> Tensor:
        """The matched queries' rows, (num_layers, num_pairs, ...), of
        outputs (num_layers, bs, num_queries, ...)."""
        layer_inds = torch.arange(
            len(self.query_inds), device=self.query_inds.device)[:, None]
        return outputs.flatten(1, 2)[layer_inds, self.query_inds]

    def persons(self, targets: Sequence[Tensor]) -> Tensor:
        """The matched persons' targets, (num_layers, num_pairs, ...), in the
        order of the queries; from one tensor (num_gts, ...) per image."""
        return torch.cat(list(targets))[self.gt_inds]


def denoising_assignment(num_gts: Sequence[int], num_groups: int,
                         num_layers: int, device: torch.device) -> Assignment:
    """Pairs of the denoising queries, which are made from known persons.

    The queries of an image are ``num_groups`` times as many positive ones as
    the fullest image has persons, followed by as many negative ones. All
    layers have the same pairs.

    Args:
        num_gts: Number of persons of each image.
    """
    longest = max(num_gts)
    # First query of each group, (num_groups, 1).
    groups = 2 * longest * np.arange(num_groups)[:, None]
    num_queries = 2 * longest * num_groups
    query_inds, gt_inds = [], []
    for image, number in enumerate(num_gts):
        persons = np.arange(number)
        # The person's positive query in every group, (num_groups * number, ).
        query_inds.append((groups + persons).ravel() + image * num_queries)
        gt_inds.append(np.tile(persons + sum(num_gts[:image]), num_groups))
    pairs = np.stack([np.concatenate(query_inds), np.concatenate(gt_inds)])
    pairs = torch.from_numpy(pairs).to(
        device, non_blocking=True)[:, None].expand(-1, num_layers, -1)
    return Assignment(
        query_inds=pairs[0],
        gt_inds=pairs[1],
        pairs_per_image=[number * num_groups for number in num_gts])


@TASK_UTILS.register_module()
class HumanQueryAssigner(HungarianAssigner):
    """Hungarian matching of all layers and images in one go.

    ``match_costs`` are mmdet's costs of the detection itself (class, box);
    each task head adds its own.

    NOTE mmdet's assigner solves one layer of one image and copies its cost
    matrix to the host each time; here all layers of an image are extra rows
    of one cost matrix, and everything is copied at once.
    """

    def box_cost(self, pred_instances: InstanceData,
                 gt_instances: InstanceData, img_meta: dict) -> Tensor:
        """Sum of the detection costs, (num_queries, num_gts).

        Args:
            pred_instances: ``scores``, logits (num_queries, num_classes), and
                ``bboxes``, absolute xyxy (num_queries, 4).
            gt_instances: ``labels`` and ``bboxes`` of the persons.
            img_meta: With ``img_shape``.
        """
        costs = [
            cost(
                pred_instances=pred_instances,
                gt_instances=gt_instances,
                img_meta=img_meta) for cost in self.match_costs
        ]
        return torch.stack(costs).sum(0)

    def assign(self, costs: Sequence[Tensor]) -> Assignment:
        """Solve the assignment of every layer and image.

        Args:
            costs: Cost of each image, (num_layers, num_queries, num_gts); the
                result is on their device.
        """
        num_layers, num_queries = costs[0].shape[:2]
        # The only copy from the device in the whole matching: all costs, one
        # after the other.
        # NaN or infinity (an overflow under mixed precision) must not end a
        # training run.
        host_costs = torch.nan_to_num(
            torch.cat([cost.detach().flatten() for cost in costs]),
            nan=1e6,
            posinf=1e6,
            neginf=-1e6).cpu().numpy()
        query_inds = [[] for _ in range(num_layers)]
        gt_inds = [[] for _ in range(num_layers)]
        start, first_gt = 0, 0
        for image, cost in enumerate(costs):
            # (num_layers, num_queries, num_gts) again.
            block = host_costs[start:start + cost.numel()].reshape(cost.shape)
            for layer in range(num_layers):
                rows, columns = linear_sum_assignment(block[layer])
                query_inds[layer].append(rows + image * num_queries)
                gt_inds[layer].append(columns + first_gt)
            start += cost.numel()
            first_gt += cost.shape[-1]
        # Queries and persons, (2, num_layers, num_pairs).
        pairs = np.stack([
            np.stack([np.concatenate(inds) for inds in layers])
            for layers in (query_inds, gt_inds)
        ])
        pairs = torch.from_numpy(pairs.astype(np.int64)).to(
            costs[0].device, non_blocking=True)
        return Assignment(
            query_inds=pairs[0],
            gt_inds=pairs[1],
            pairs_per_image=[
                min(num_queries, cost.shape[-1]) for cost in costs
            ])
