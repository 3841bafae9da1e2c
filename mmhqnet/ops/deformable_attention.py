"""The layer of multi-scale deformable attention (arXiv 2010.04159, eq. 3)."""
from typing import Optional, Sequence, Union

import torch
from mmcv.ops import MultiScaleDeformableAttention
from torch import Tensor

from mmhqnet.registry import MODELS

from .functional import check_impl, ms_deform_attn
from .levels import Shapes, as_shapes, constant


@MODELS.register_module()
class MSDeformAttention(MultiScaleDeformableAttention):
    """Multi-scale deformable attention, mmcv's layer with a choice of code.

    NOTE: it stays a ``MultiScaleDeformableAttention``, so parameter names,
    initialisation and checkpoints are mmcv's, and mmdet's detectors find it
    when they initialise their weights.

    Args:
        im2col_step: Unused, kept for mmcv's configs.
        batch_first: Inputs are (bs, n, embed_dims), else (n, bs, embed_dims).
        norm_cfg: Unused, kept for mmcv's configs.
        value_proj_ratio: Width of the values over ``embed_dims``.
        impl: How to sample, see :func:`~mmhqnet.ops.functional.choose`.
    """

    def __init__(self, *args, impl: str = 'auto', **kwargs) -> None:
        check_impl(impl)
        super().__init__(*args, **kwargs)
        self.impl = impl

    def project_value(self,
                      value: Tensor,
                      key_padding_mask: Optional[Tensor] = None) -> Tensor:
        """Values of all heads, which depend on the image only.

        Args:
            value: Features (bs, num_value, embed_dims), or (num_value, bs,
                embed_dims) without ``batch_first``.
            key_padding_mask: True or non-zero where padded, (bs, num_value).

        Returns: (bs, num_value, num_heads, dim), zero where padded.
        """
        if not self.batch_first:
            value = value.transpose(0, 1)
        value = self.value_proj(value)
        if key_padding_mask is not None:
            value = value.masked_fill(key_padding_mask.bool()[..., None], 0.)
        return value.unflatten(-1, (self.num_heads, -1))

    def sampling_locations(self, query: Tensor, reference_points: Tensor,
                           shapes: Shapes) -> Tensor:
        """Where the queries look.

        Args:
            query: (bs, num_queries, embed_dims).
            reference_points: Points x, y or boxes cx, cy, w, h in [0, 1] for
                each level, (bs, num_queries, num_levels, 2 or 4). Offsets are
                in pixels of the level around points, and relative to the size
                of boxes.
            shapes: (h, w) of each level.

        Returns: (bs, num_queries, num_heads, num_levels, num_points, 2).
        """
        offsets = self.sampling_offsets(query).unflatten(
            -1, (self.num_heads, self.num_levels * self.num_points * 2))
        # NOTE half precision would be off by up to a pixel of the image
        offsets = offsets.to(torch.promote_types(offsets.dtype, torch.float32))
        reference_points = reference_points.to(offsets.dtype)
        centres = reference_points[..., :2]
        if reference_points.shape[-1] == 2:
            pixels = tuple((1 / width, 1 / height) for height, width in shapes)
            scale = constant(pixels, offsets.dtype, offsets.device)
        elif reference_points.shape[-1] == 4:
            scale = reference_points[..., 2:] * (0.5 / self.num_points)
        else:
            raise ValueError('the last dimension of reference_points must be '
                             f'2 or 4, but is {reference_points.shape[-1]}')

        def per_point(x: Tensor) -> Tensor:
            # (..., num_levels, 2) -> (..., 1, num_levels * num_points * 2);
            # long rows, because short ones are slow to broadcast
            rows = x.repeat_interleave(self.num_points, -2).flatten(-2)
            return rows.unsqueeze(-2)

        locations = torch.addcmul(
            per_point(centres), offsets, per_point(scale))
        return locations.unflatten(-1, (self.num_levels, self.num_points, 2))

    def forward(self,
                query: Tensor,
                key: Optional[Tensor] = None,
                value: Optional[Tensor] = None,
                identity: Optional[Tensor] = None,
                query_pos: Optional[Tensor] = None,
                key_padding_mask: Optional[Tensor] = None,
                reference_points: Optional[Tensor] = None,
                spatial_shapes: Union[Tensor, Sequence, None] = None,
                level_start_index: Optional[Tensor] = None,
                projected_value: Optional[Tensor] = None,
                query_counts: Optional[Sequence[int]] = None,
                **kwargs) -> Tensor:
        """Attend to the values around the reference points.

        Args:
            query: (bs, num_queries, embed_dims), or (num_queries, bs,
                embed_dims) without ``batch_first``.
            key, level_start_index: Unused.
            value: Features (bs, num_value, embed_dims), by default ``query``.
            identity: Added to the output, by default ``query``.
            query_pos: Positional encoding of ``query``.
            key_padding_mask: (bs, num_value), non-zero where padded.
            reference_points: (bs, num_queries, num_levels, 2 or 4) in [0, 1],
                also without ``batch_first``.
            spatial_shapes: (h, w) of each level, best as Python ints.
            projected_value: Result of :meth:`project_value`, instead of
                ``value`` and ``key_padding_mask``.
            query_counts: Number of queries of each image, where the queries of
                all images come concatenated with batch dimension 1. The values
                still have one row per image.

        Returns: Of the shape of ``query``.
        """
        if identity is None:
            identity = query
        if projected_value is None:
            projected_value = self.project_value(
                query if value is None else value, key_padding_mask)
        if query_pos is not None:
            query = query + query_pos
        if not self.batch_first:
            query = query.transpose(0, 1)

        shapes = as_shapes(spatial_shapes)
        attention_weights = self.attention_weights(query).unflatten(
            -1, (self.num_heads, self.num_levels * self.num_points))
        # in float32, which sampling wants, and which on CPUs is faster
        attention_weights = attention_weights.softmax(
            -1, torch.promote_types(attention_weights.dtype, torch.float32))
        attention_weights = attention_weights.unflatten(
            -1, (self.num_levels, self.num_points))
        output = ms_deform_attn(
            projected_value,
            shapes,
            self.sampling_locations(query, reference_points, shapes),
            attention_weights,
            impl=self.impl,
            query_counts=query_counts)
        output = self.output_proj(output)
        if not self.batch_first:
            output = output.transpose(0, 1)
        return self.dropout(output) + identity
