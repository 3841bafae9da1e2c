"""Sums of losses, one number per prediction layer."""
import torch
from mmdet.utils import reduce_mean
from torch import Tensor


def layer_mean(loss: Tensor, avg_factor: Tensor) -> Tensor:
    """Sum each layer's loss and divide by its factor, as mmdet's losses do.

    Args:
        loss (Tensor): Losses without reduction, (num_layers, ...).
        avg_factor (Tensor | float): What to divide by, (num_layers, ) or a
            scalar.

    Returns:
        Tensor: (num_layers, ).
    """
    avg_factor = torch.as_tensor(avg_factor, device=loss.device).to(loss.dtype)
    return loss.flatten(1).sum(1) / (
        avg_factor + torch.finfo(torch.float32).eps)


def normaliser(weight: Tensor, sync: bool = True) -> Tensor:
    """What to divide each layer's loss by: its weights' sum, at least 1.

    Args:
        weight (Tensor): Weights, (num_layers, ...).
        sync (bool): Whether to average over all processes.

    Returns:
        Tensor: (num_layers, ).
    """
    total = weight.flatten(1).sum(1).float()
    return (reduce_mean(total) if sync else total).clamp(min=1)
