"""Contrastive denoising queries (method 1.6)."""
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
            input_label_query: Contents, (num_targets * 2 * num_groups, dim).
            input_bbox_query: Boxes, (num_targets * 2 * num_groups, 4).
            batch_idx: Image of each target, (num_targets, ).

        Returns: Both as (bs, num_denoising_queries, dim or 4).
        """
        # Each target has a positive and a negative copy in every group.
        num_copies = 2 * num_groups
        images = torch.arange(batch_size, device=batch_idx.device)
        counts = (batch_idx == images[:, None]).sum(1).tolist()
        longest = max(counts)

        def collate(queries: Tensor) -> Tensor:
            # (num_copies, num_targets, ...): the targets of an image are
            # neighbours.
            copies = queries.unflatten(0, (num_copies, -1))
            # Each image's, (num_copies, longest, ...).
            padded = [
                F.pad(image, (0, 0, 0, longest - count))
                for image, count in zip(copies.split(counts, dim=1), counts)
            ]
            return torch.stack(padded).flatten(1, 2)

        return collate(input_label_query), collate(input_bbox_query)
