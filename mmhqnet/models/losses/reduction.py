"""Sums of losses, one number per prediction layer."""
import torch
from mmdet.utils import reduce_mean
from torch import Tensor


def layer_mean(loss: Tensor, avg_factor: Tensor) -> Tensor:
    """Sum of each layer's losses over its factor, as mmdet's losses do.

    From (num_layers, ...) and (num_layers, ) or a scalar to (num_layers, ).
    """
    avg_factor = torch.as_tensor(avg_factor, device=loss.device).to(loss.dtype)
    return loss.flatten(1).sum(1) / (
        avg_factor + torch.finfo(torch.float32).eps)


def normaliser(weight: Tensor, sync: bool = True) -> Tensor:
    """What to divide each layer's loss by: its weights' sum, at least 1.

    From (num_layers, ...) to (num_layers, ). With ``sync`` the sum is the
    average over all processes.
    """
    total = weight.flatten(1).sum(1).float()
    return (reduce_mean(total) if sync else total).clamp(min=1)
