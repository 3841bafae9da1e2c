"""What a pose refiner has to write: the interface to the pose head."""
from typing import Dict, List, Sequence

import numpy as np
import torch
from mmengine.model import BaseModule
from torch import Tensor

from ..encoded_images import EncodedImages
from ..losses import COCO_SIGMAS, PoseTargets


class PoseRefiner(BaseModule):
    """Base class of what moves the keypoints of whole poses.

    :class:`PoseHead` hands it the poses of the matched queries of the last
    decoder layer in training, those of the kept queries at test time. A
    refiner writes :meth:`forward` and :meth:`loss`. It works on plain tensors
    and can be traced.
    """

    needs_pixel_embedding = False
    """bool: Whether it reads ``EncodedImages.pixel_embedding``."""

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_keypoints: int = 17,
                 sigmas: Sequence[float] = COCO_SIGMAS,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.embed_dims = embed_dims
        self.num_keypoints = num_keypoints
        self.sigmas = sigmas

    def forward(self, poses: Tensor, queries: Tensor, boxes: Tensor,
                persons_per_image: List[int],
                encoded: EncodedImages) -> List[Dict[str, Tensor]]:
        """Refine poses step by step.

        Without any person, every parameter must stay in the graph, with a
        zero gradient: distributed training relies on it.

        Args:
            poses: Keypoints normalised by the size of their image,
                (num_persons, K, 2), image after image; so are the others.
            queries: Human queries, (num_persons, dim).
            boxes: Predicted boxes, normalised cxcywh, (num_persons, 4).

        Returns:
            One entry per step, the last one is the result: ``keypoints`` like
            ``poses``, ``keypoint_scores`` (num_persons, K) in [0, 1] if it has
            a score for each keypoint, and what :meth:`loss` needs besides.
        """
        raise NotImplementedError

    def loss(self, refined: List[Dict[str, Tensor]],
             targets: PoseTargets) -> Dict[str, Tensor]:
        """Weighted losses, scalars; those of a step are ``d{step}.loss_*``.

        ``targets`` are the poses of the same persons, (num_persons, ...).
        """
        raise NotImplementedError

    @staticmethod
    def image_inds(persons_per_image: Sequence[int],
                   device: torch.device) -> Tensor:
        """Number of each person's image, (num_persons, )."""
        inds = np.repeat(np.arange(len(persons_per_image)), persons_per_image)
        return torch.from_numpy(inds).to(device, non_blocking=True)
