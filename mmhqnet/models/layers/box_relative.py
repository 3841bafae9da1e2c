"""Keypoints relative to the box of their person."""
from typing import Tuple

import torch
from torch import Tensor


def from_box(relative: Tensor, boxes: Tensor) -> Tensor:
    """Keypoints in the pixels of their boxes, (..., K, 2).

    Args:
        relative: Relative to the centre and size of the box: its corners are
            at -0.5 and 0.5, (..., K, 2).
        boxes: xyxy, (..., 4).
    """
    top_left, size = _place(boxes)
    return (relative + 0.5) * size + top_left


def to_box(keypoints: Tensor, boxes: Tensor) -> Tuple[Tensor, Tensor]:
    """The inverse of :func:`from_box`.

    Args:
        keypoints: In the pixels of the boxes, (..., K, 2).
        boxes: xyxy, (..., 4); without a size, the result is finite.

    Returns: Relative keypoints, and which are inside or on the edge, (..., K).
    """
    top_left, size = _place(boxes)
    keypoints = keypoints.to(boxes.dtype) - top_left
    inside = ((keypoints >= 0) & (keypoints <= size)).all(-1)
    tiny = torch.finfo(boxes.dtype).eps
    return keypoints / size.clamp(min=tiny) - 0.5, inside


def _place(boxes: Tensor) -> Tuple[Tensor, Tensor]:
    """Top left corner and size of boxes, (..., 1, 2) each."""
    top_left, bottom_right = boxes[..., None, :].chunk(2, dim=-1)
    return top_left, bottom_right - top_left
