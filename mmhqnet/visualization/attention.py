"""Where the last decoder layer looks for a person (paper, figure A5)."""
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mmhqnet.errors import InputError


@dataclass
class AttentionRecord:
    """What one forward pass on one image left behind.

    Attributes:
        queries (Tensor): Human queries of the last layer, (num_queries, dim).
        points (Tensor): Sampling points as shares (x, y) of the network's
            input, (num_queries, n, 2), of all heads, levels and points.
        weights (Tensor): Their weights, (num_queries, n); a head's sum is 1.
    """
    queries: Optional[Tensor] = None
    points: Optional[Tensor] = None
    weights: Optional[Tensor] = None

    def of(self, human_query: Tensor) -> Tuple[Tensor, Tensor]:
        """Points (n, 2) and weights (n, ) of a predicted person.

        Raises: InputError: If no query of the pass is this one.
        """
        index = (self.queries == human_query).all(-1).nonzero()
        if self.queries is None or not len(index):
            raise InputError('this human query is not of the recorded image; '
                             'set test_cfg.with_queries=True and record one '
                             'image at a time')
        return self.points[index[0, 0]], self.weights[index[0, 0]]


@contextmanager
def recorded_attention(model: nn.Module) -> Iterator[AttentionRecord]:
    """Record the sampling points of an :class:`HQNet`'s last decoder layer.

    A forward pass on one image inside of the context fills the record.
    """
    record = AttentionRecord()
    attention = model.decoder.layers[-1].cross_attn

    def before_attention(module, args, kwargs):
        query = kwargs['query'] if 'query' in kwargs else args[0]
        query = query + kwargs['query_pos']
        shapes = tuple(map(tuple, kwargs['spatial_shapes']))
        with torch.no_grad():
            points = module.sampling_locations(query,
                                               kwargs['reference_points'],
                                               shapes)
            # (1, num_queries, heads * levels * points)
            weights = module.attention_weights(query).unflatten(
                -1, (module.num_heads, -1)).softmax(-1)
        record.points = points[0].flatten(1, 3)
        record.weights = weights[0].flatten(1)

    def after_decoder(module, args, output):
        record.queries = output[0][-1][0].detach()

    handles = [
        attention.register_forward_pre_hook(
            before_attention, with_kwargs=True),
        model.decoder.register_forward_hook(after_decoder)
    ]
    try:
        yield record
    finally:
        for handle in handles:
            handle.remove()


def draw_attention(image: np.ndarray, points: np.ndarray, weights: np.ndarray,
                   bbox: np.ndarray) -> np.ndarray:
    """Draw sampling points; the warmer and larger, the heavier.

    Args:
        image: (H, W, 3), uint8; not changed.
        points: (x, y) in pixels, (n, 2).
        weights: (n, ).
        bbox: The person's box xyxy in pixels, (4, ).

    Returns: (H, W, 3), uint8.
    """
    picture = cv2.addWeighted(image, 0.6, np.full_like(image, 255), 0.4, 0)
    scale = max(image.shape[:2]) / 400
    shares = weights / max(weights.max(), 1e-9)
    levels = np.rint(255 * shares).astype(np.uint8)
    colors = cv2.applyColorMap(levels[:, None], cv2.COLORMAP_JET)[:, 0]
    for index in shares.argsort():  # heavy ones on top
        center = tuple(int(value) for value in np.rint(points[index]))
        radius = max(1, round(scale * (1 + 3 * shares[index])))
        cv2.circle(picture, center, radius, colors[index].tolist(), -1,
                   cv2.LINE_AA)
    corners = [int(value) for value in np.rint(bbox)]
    cv2.rectangle(picture, corners[:2], corners[2:], (40, 40, 40),
                  max(1, round(scale)), cv2.LINE_AA)
    return picture
