"""Regions of a feature map, by operators that every exporter knows."""
import torch
import torch.nn.functional as F
from torch import Tensor


def roi_align(feats: Tensor,
              boxes: Tensor,
              output_size: int,
              stride: int,
              sampling_ratio: int = 2) -> Tensor:
    """Average bilinear samples in the bins of each box (Mask R-CNN, sec. 3).

    The numbers are those of mmcv's ``RoIAlign(aligned=True)``: the centre of
    a pixel is at half a pixel, a sample up to one pixel outside of the map has
    the value of its border, one further away is zero. Computed in float32 at
    least.

    NOTE gradients go back to the boxes too, where compiled operators give them
    none; callers detach boxes that shall not learn from what is in them.

    Args:
        feats: A map of each image, (bs, C, H, W).
        boxes: xyxy in pixels of the image, (bs, n, 4).
        output_size: Bins S along each side of a box.
        stride: Pixels of the image per pixel of the map.
        sampling_ratio: Samples along each side of a bin.

    Returns: (bs, n, C, S, S).
    """
    dtype = torch.promote_types(feats.dtype, torch.float32)
    height, width = feats.shape[-2:]
    num_boxes, side = boxes.shape[1], output_size * sampling_ratio
    if num_boxes == 0:
        shape = (len(feats), 0, feats.shape[1], output_size, output_size)
        return feats.new_zeros(shape, dtype=dtype)
    boxes = boxes.to(dtype) / stride
    steps = torch.arange(side, dtype=dtype, device=boxes.device)
    steps = (steps + 0.5) / side
    top_left, size = boxes[..., :2,
                           None], (boxes[..., 2:] - boxes[..., :2])[..., None]
    x, y = (top_left + size * steps).unbind(2)  # (bs, n, side) each
    # Up to a pixel outside counts as the border; beyond, as nowhere.
    x, y = (torch.where((at >= -0.5) & (at <= length + 0.5),
                        at.clamp(0.5, length - 0.5), -2. * length)
            for at, length in ((x, width), (y, height)))
    grid = torch.stack(
        [(2 * x / width - 1)[:, :, None].expand(-1, -1, side, -1),
         (2 * y / height - 1)[..., None].expand(-1, -1, -1, side)], -1)
    # Samples of all boxes below each other: (bs, C, n * side, side).
    samples = F.grid_sample(
        feats.to(dtype), grid.flatten(1, 2), align_corners=False)
    if sampling_ratio > 1:
        samples = F.avg_pool2d(samples, sampling_ratio)
    return samples.unflatten(2, (num_boxes, output_size)).transpose(1, 2)
