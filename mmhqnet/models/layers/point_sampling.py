"""Random points on mask logits, in the manner of PointRend (method 2.6)."""
import torch
import torch.nn.functional as F
from torch import Tensor


def sample_points(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps at points, bilinearly, zero outside.

    Half precision would move the points by up to a pixel.

    Args:
        maps: (n, channels, H, W).
        points: (x, y) in [0, 1]^2 of the whole map, (n, num_points, 2).

    Returns: (n, channels, num_points), at least float32.
    """
    dtype = torch.promote_types(maps.dtype, torch.float32)
    grid = (2 * points - 1)[:, :, None].to(dtype)
    return F.grid_sample(maps.to(dtype), grid, align_corners=False).squeeze(-1)


@torch.no_grad()
def uncertain_points(logits: Tensor, num_points: int, oversample_ratio: float,
                     importance_ratio: float) -> Tensor:
    """Draw points, most of them where the logits are least certain.

    Args:
        logits: Mask logits, (n, H, W).
        oversample_ratio: Candidates per point.
        importance_ratio: Share of points that are the most uncertain
            candidates; the rest is uniform.

    Returns: (x, y) in [0, 1]^2, (n, num_points, 2).
    """
    num_masks = len(logits)
    num_candidates = int(num_points * oversample_ratio)
    num_uncertain = int(num_points * importance_ratio)
    candidates = torch.rand(num_masks, num_candidates, 2, device=logits.device)
    uncertainty = -sample_points(logits[:, None], candidates)[:, 0].abs()
    chosen = uncertainty.topk(num_uncertain, dim=1, sorted=False).indices
    uniform = torch.rand(
        num_masks, num_points - num_uncertain, 2, device=logits.device)
    return torch.cat(
        [candidates.gather(1, chosen[..., None].expand(-1, -1, 2)), uniform],
        1)
