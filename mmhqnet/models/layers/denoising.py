"""Contrastive denoising queries (spec 1.6)."""
from typing import Tuple

import torch
import torch.nn.functional as F
from mmdet.models.layers import CdnQueryGenerator
from torch import Tensor


class DenoisingQueryGenerator(CdnQueryGenerator):
    """DINO's contrastive denoising.

    NOTE mmdet's collates in float32 only and makes a device wait for each
    image; here any precision works, with one wait per step.
    """

    def collate_dn_queries(self, input_label_query: Tensor,
                           input_bbox_query: Tensor, batch_idx: Tensor,
                           batch_size: int,
                           num_groups: int) -> Tuple[Tensor, Tensor]:
        """Arrange the noisy queries by image, padded with zeros.

        Args:
            input_label_query (Tensor): Content queries of all groups,
                (num_targets * 2 * num_groups, dim).
            input_bbox_query (Tensor): Box queries, (num_targets * 2 *
                num_groups, 4).
            batch_idx (Tensor): Image of each target, (num_targets, ).
            batch_size (int): Number of images.
            num_groups (int): Number of denoising groups.

        Returns:
            tuple[Tensor, Tensor]: (bs, num_denoising_queries, dim) and (bs,
            num_denoising_queries, 4).
        """
        num_copies = 2 * num_groups
        images = torch.arange(batch_size, device=batch_idx.device)
        counts = (batch_idx == images[:, None]).sum(1).tolist()
        longest = max(counts)

        def collate(queries: Tensor) -> Tensor:
            # One row per copy; the targets of an image are neighbours.
            copies = queries.unflatten(0, (num_copies, -1))
            padded = [
                F.pad(image, (0, 0, 0, longest - count))
                for image, count in zip(copies.split(counts, dim=1), counts)
            ]
            return torch.stack(padded).flatten(1, 2)

        return collate(input_label_query), collate(input_bbox_query)
