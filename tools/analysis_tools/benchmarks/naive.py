"""HQNet written down naively: the same results for more work.

This is how one would write it first, and how the released code works: the
memory is copied for every person, masks of all queries and layers are drawn,
and every token of the encoder meets every branch. It changes nothing but
methods, so that both have the same weights. One image at a time.
"""
import copy
import math
from typing import Dict, List

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmhqnet.models.detectors import HQNet
from mmhqnet.models.encoded_images import EncodedImages
from mmhqnet.models.heads import HQNetHead
from mmhqnet.models.pose_refiners.decoder import (PoseRefinementDecoder,
                                                  PoseRefinementLayer)


class NaiveHQNet(HQNet):
    """All branches on all tokens; the best are picked afterwards."""

    def pre_decoder(self,
                    memory,
                    memory_mask,
                    spatial_shapes,
                    batch_data_samples=None):
        """See :meth:`HQNet.pre_decoder`."""
        tokens, proposals = self.gen_encoder_output_proposals(
            memory, memory_mask, spatial_shapes)
        outputs = self.bbox_head.forward_layer(tokens, proposals,
                                               self.bbox_head.proposals_layer)
        scores = outputs['box']['cls_scores'].max(-1).values
        best = scores.topk(self.num_queries, dim=1).indices[0]
        outputs = {
            name: pick(output, best)
            for name, output in outputs.items()
        }
        return dict(
            query=self.query_embedding.weight.expand(len(memory), -1, -1),
            memory=memory,
            reference_points=outputs['box']['bboxes']), dict(
                enc_outputs=outputs)


class NaiveHQNetHead(HQNetHead):
    """Masks of all queries of all layers; the best are picked afterwards."""

    def predict(self,
                hidden_states,
                references,
                encoded,
                batch_data_samples,
                enc_outputs,
                rescale=True):
        """See :meth:`HQNetHead.predict`."""
        layers = self(hidden_states, references)
        logits = [
            torch.einsum('qc,chw->qhw', outputs['mask']['mask_embedding'][0],
                         encoded.pixel_embedding[0])
            for outputs in (*layers, enc_outputs)
        ][self.last_layer]
        meta, = encoded.img_metas
        height, width = (math.ceil(size / 4) for size in meta['img_shape'])
        full = F.interpolate(
            logits[None, :, :height, :width],
            size=meta['ori_shape' if rescale else 'img_shape'],
            mode='bilinear',
            align_corners=False)[0]

        outputs = layers[self.last_layer]
        scores = outputs['box']['cls_scores'].sigmoid().flatten(1)
        scores, kept = scores.topk(self.test_cfg['max_per_img'], dim=1)
        outputs = {
            name: pick(output, kept[0])
            for name, output in outputs.items()
        }
        box = dict(
            outputs['box'], scores=scores, labels=torch.zeros_like(kept))
        selected = {
            name: task.decode(outputs[name], box, encoded)
            for name, task in self.task_heads.items() if name != 'mask'
        }
        result, = self.pack(
            dict(selected, box=box), encoded.img_metas, rescale)
        full = full[kept[0]]
        result.masks = full > 0
        result.mask_scores = scores[0] * (
            (full.sigmoid() * result.masks).flatten(1).sum(1) /
            (result.masks.flatten(1).sum(1) + 1e-6))
        return [result]


class NaivePoseRefinementLayer(PoseRefinementLayer):
    """Every person has a copy of the memory, with values of its own."""

    def forward(self,
                query,
                query_pos,
                reference,
                persons_per_image,
                memory,
                key_padding_mask=None,
                **kwargs):
        """See :meth:`PoseRefinementLayer.forward`."""
        query = self.norms[0](
            self.self_attn(query, query_pos=query_pos, key_pos=query_pos))
        query = self.attend(query, query_pos, reference, persons_per_image,
                            memory, key_padding_mask, **kwargs)
        return self.norms[2](self.ffn(self.norms[1](query)))

    def attend(self,
               query,
               query_pos,
               reference,
               persons_per_image,
               memory,
               key_padding_mask=None,
               **kwargs):
        """Cross-attention of (num_persons, K, dim) keypoint queries."""
        images = [
            image for image, number in enumerate(persons_per_image)
            for _ in range(number)
        ]
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask[images]
        return self.cross_attn(
            query,
            value=memory[images],
            query_pos=query_pos,
            reference_points=reference,
            key_padding_mask=key_padding_mask,
            **kwargs)


_NAIVE = {
    HQNet: NaiveHQNet,
    HQNetHead: NaiveHQNetHead,
    PoseRefinementLayer: NaivePoseRefinementLayer,
}


def make_naive(module: nn.Module) -> nn.Module:
    """The same module with the naive methods.

    Args:
        module (nn.Module): A whole HQNet or a part of it.

    Returns:
        nn.Module: A copy that shares the weights.
    """
    module = copy.deepcopy(
        module,
        {id(parameter): parameter
         for parameter in module.parameters()})
    for part in module.modules():
        part.__class__ = _NAIVE.get(type(part), type(part))
    return module


def pick(outputs: Dict[str, Tensor], queries: Tensor) -> Dict[str, Tensor]:
    """The outputs of some queries of the only image.

    Args:
        outputs (dict[str, Tensor]): Each (1, num_queries, ...).
        queries (Tensor): Indices, (n, ).

    Returns:
        dict[str, Tensor]: Each (1, n, ...).
    """
    return {name: value[:, queries] for name, value in outputs.items()}


def random_poses(refine: PoseRefinementDecoder, num_persons: int,
                 shapes: List[tuple], options) -> dict:
    """Inputs of a refinement: random poses in one random image.

    Args:
        refine (PoseRefinementDecoder): The refinement.
        num_persons (int): Number of poses.
        shapes (list[tuple[int, int]]): (h, w) of the memory's levels.
        options (Options): With the device.

    Returns:
        dict: Keyword arguments of its ``forward``.
    """
    shape = num_persons, refine.num_keypoints, 2
    generator = torch.Generator().manual_seed(0)
    num_tokens = sum(height * width for height, width in shapes)
    memory = torch.randn(1, num_tokens, refine.embed_dims, generator=generator)
    encoded = EncodedImages(
        memory=memory.to(options.device),
        memory_mask=None,
        memory_pos=None,
        spatial_shapes=shapes,
        level_start_index=None,
        valid_ratios=torch.ones(1, len(shapes), 2, device=options.device),
        pixel_embedding=None,
        img_metas=[])
    return dict(
        poses=torch.rand(*shape, generator=generator).to(options.device),
        queries=None,
        boxes=None,
        persons_per_image=[num_persons],
        encoded=encoded)
