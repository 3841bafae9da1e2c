"""Models that see a person's part of the image alone."""
from typing import Dict, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor


class CropModel(BaseModule):
    """Base class of the second step of a cascade, see ``PersonCascade``.

    Args:
        size: Height and width of a crop.
        padding: Crops are so many times as large as the box, which first
            grows to their shape.
    """

    def __init__(self,
                 *,
                 size: Tuple[int, int] = (256, 192),
                 padding: float = 1.25,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.padding = padding

    def regions(self, boxes: Tensor) -> Tensor:
        """What to cut out around boxes (n, 4) xyxy, also (n, 4)."""
        height, width = self.size
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        w, h = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1).unbind(-1)
        w = torch.maximum(w, h * width / height) * self.padding
        half = torch.stack([w, w * height / width], -1) / 2
        return torch.cat([centres - half, centres + half], -1)

    def cut(self, image: Tensor, regions: Tensor) -> Tensor:
        """Crops (n, 3, h, w) of an image (3, H, W); zero outside of it."""
        if not len(regions):  # affine_grid refuses
            return image.new_zeros(0, len(image), *self.size)
        sides = regions.new_tensor(image.shape[:0:-1])  # W, H
        half = (regions[:, 2:] - regions[:, :2]) / sides
        centres = (regions[:, :2] + regions[:, 2:]) / sides - 1
        # From -1..1 in the crop to -1..1 in the image, (n, 2, 3).
        maps = torch.cat([half.diag_embed(), centres[..., None]], -1)
        images = image.expand(len(maps), -1, -1, -1)
        grid = F.affine_grid(
            maps.to(image), (*images.shape[:2], *self.size),
            align_corners=False)
        return F.grid_sample(images, grid, align_corners=False)

    def loss(self, crops: Tensor, regions: Tensor,
             persons: Sequence[InstanceData]) -> Dict[str, Tensor]:
        """Losses of the n persons of all images.

        Args:
            crops: (n, 3, h, w), n > 0.
            regions: Where they come from, xyxy in pixels of the input, (n, 4).
            persons: ``gt_instances`` of each image.
        """
        raise NotImplementedError

    def predict(self, crops: Tensor, regions: Tensor) -> Dict[str, Tensor]:
        """Columns of ``pred_instances``, (n, ...) each; see :meth:`loss`.

        Regions are in the pixels that points of the result shall be in.
        """
        raise NotImplementedError
