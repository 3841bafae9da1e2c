"""Dense task: a mask as the dot product of a query with every pixel."""
import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import Tensor

from mmhqnet.registry import MODELS
from mmhqnet.structures.run_length_masks import encode_masks

from ..encoded_images import EncodedImages
from ..layers import build_mlp, resize_maps, sample_points, uncertain_points
from ..losses import layer_mean, normaliser
from ..matching import Assignment
from .base import Results, TaskHead

# Pixels of masks that are drawn at a time.
CHUNK = 2**20


class MaskTargets(NamedTuple):
    """Masks of one image's persons.

    Attributes:
        masks: On the padded input of the batch, (num_gts, H, W).
        valid: False where the annotation has no mask, (num_gts, ).
    """
    masks: Tensor
    valid: Tensor


@MODELS.register_module()
class MaskHead(TaskHead):
    """Masks from mask embeddings and the pixel embedding (method 1.8, 2.6).

    Args:
        num_hidden: Hidden layers of the mask embedding's MLP.
        mask_dims: Channels of the pixel embedding, those of the human queries
            by default.
        oversample_ratio, importance_ratio: Of the points that the loss looks
            at, see :func:`uncertain_points`.
        detach_enc_mask: Whether the encoder's mask embeddings get no gradient,
            as in the released code (method 10.4).
        cost_mask, cost_dice: Matching weights of cross entropy and dice.
        loss_mask, loss_dice: Both on the same points.
    """

    needs_pixel_embedding = True
    #: Whether results hold run-length codes, drawn one by one, and no array.
    run_length = False

    def __init__(self,
                 *,
                 num_hidden: int = 2,
                 mask_dims: Optional[int] = None,
                 num_points: int = 12544,
                 oversample_ratio: float = 3.0,
                 importance_ratio: float = 0.75,
                 detach_enc_mask: bool = True,
                 cost_mask: float = 8.0,
                 cost_dice: float = 5.0,
                 loss_mask: dict = dict(
                     type='BinaryCrossEntropyLoss', loss_weight=8.0),
                 loss_dice: dict = dict(
                     type='DiceLoss',
                     naive_dice=True,
                     eps=1.0,
                     loss_weight=5.0),
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_ratio = importance_ratio
        self.detach_enc_mask = detach_enc_mask
        self.cost_mask = cost_mask
        self.cost_dice = cost_dice
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_dice = MODELS.build(loss_dice)
        self.mask_branches = self.build_branches(
            lambda: build_mlp(self.embed_dims, self.embed_dims, mask_dims or
                              self.embed_dims, num_hidden))

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """``mask_embedding`` (bs, num_queries, mask_dims); no masks yet.

        Masks are drawn only where they are used: at sampled points in the
        matching, for matched queries in the loss, for kept ones at test time.
        """
        embedding = self.mask_branches[layer](query)
        if self.detach_enc_mask and layer == self.proposals_layer:
            embedding = embedding.detach()
        return dict(mask_embedding=embedding)

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> MaskTargets:
        """Masks as a tensor, padded to the input size of the batch."""
        device = encoded.memory.device
        height, width = encoded.img_metas[0]['batch_input_shape']
        masks = gt_instances.masks.to_tensor(encoded.dtype, device)
        masks = F.pad(
            masks, (0, width - masks.shape[-1], 0, height - masks.shape[-2]))
        valid = gt_instances.get('mask_valid')
        if valid is None:
            valid = torch.ones(len(masks), dtype=torch.bool, device=device)
        return MaskTargets(masks, valid)

    def match_cost(self, outputs: Dict[str, Tensor], targets: MaskTargets,
                   encoded: EncodedImages) -> Tensor:
        """Cross entropy and dice on random points of the image (method 3).

        Bilinear sampling is linear: sampling the pixel embedding once and
        multiplying gives the logits of every query of every layer at the
        points.
        """
        masks = targets.masks
        # The same points for all: (dim, P) and (num_gts, P) at P points.
        points = torch.rand(1, self.num_points, 2, device=masks.device)
        pixels = sample_points(encoded.pixel_embedding.detach(), points)[0]
        target = sample_points(masks[None], points)[0]
        logits = outputs['mask_embedding'] @ pixels  # (num_queries, P)
        # BCE(x, t) = softplus(x) - x t, so that all pairs are one product.
        cross_entropy = (F.softplus(logits).sum(-1, keepdim=True) -
                         logits @ target.T) / self.num_points
        prob = logits.sigmoid()
        dice = 1 - (2 * prob @ target.T + 1) / (
            prob.sum(-1, keepdim=True) + target.sum(-1) + 1)
        cost = self.cost_mask * cross_entropy + self.cost_dice * dice
        return cost * targets.valid

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[MaskTargets],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """``loss_mask`` and ``loss_dice`` of the matched persons' masks."""
        # Of all persons (num_gts, H, W), of the matched ones (num_layers,
        # num_pairs) and their queries (num_layers, num_pairs, dim).
        masks = torch.cat([target.masks for target in targets])
        valid = assignment.persons([target.valid for target in targets])
        embeddings = assignment.queries(outputs['mask_embedding'])
        losses = [
            self._loss_of_layer(*layer, masks, assignment.pairs_per_image,
                                encoded)
            for layer in zip(embeddings, assignment.gt_inds)
        ]
        loss_mask, loss_dice = map(torch.stack, zip(*losses))
        num_masks = normaliser(valid)
        return dict(
            loss_mask=layer_mean(loss_mask * valid[..., None],
                                 num_masks * self.num_points),
            loss_dice=layer_mean(loss_dice * valid, num_masks))

    def _loss_of_layer(self, embedding: Tensor, persons: Tensor, masks: Tensor,
                       pairs_per_image: List[int], encoded: EncodedImages):
        """Cross entropy (num_pairs, num_points) and dice (num_pairs, ).

        The embeddings are (num_pairs, dim); ``persons`` (num_pairs, ) are
        indices of ``masks`` (num_gts, H, W).
        """
        # Stride-4 logits of the matched queries, (num_pairs, H/4, W/4).
        logits = torch.cat([
            torch.einsum('nc,chw->nhw', *pair) for pair in zip(
                embedding.split(pairs_per_image), encoded.pixel_embedding)
        ])
        points = uncertain_points(logits, self.num_points,
                                  self.oversample_ratio, self.importance_ratio)
        target = _sample_masks(masks, persons, points)
        logits = sample_points(logits[:, None], points)[:, 0]
        return (self.loss_mask(logits, target),
                self.loss_dice(logits, target, reduction_override='none'))

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``mask_logits`` (bs, n, H/4, W/4) on the padded input."""
        return dict(
            mask_logits=torch.einsum('bnc,bchw->bnhw',
                                     outputs['mask_embedding'],
                                     encoded.pixel_embedding))

    def pack(self, decoded: Dict[str, Tensor], scores: Tensor,
             img_metas: List[dict], rescale: bool) -> Results:
        """``masks`` (n, H, W) bool, or n codes, and ``mask_scores`` (n, ).

        The stride-4 logits are cropped to the valid region and resized to
        the original image in one step. The score of a mask is the detection
        score times the mean foreground probability inside the mask (method 4).
        """
        results = []
        for logits, score, meta in zip(decoded['mask_logits'], scores,
                                       img_metas):
            height, width = (
                math.ceil(size / 4) for size in meta['img_shape'][:2])
            size = meta['ori_shape' if rescale else 'img_shape'][:2]
            draw = code_masks if self.run_length else draw_masks
            masks, qualities = draw(logits[:, :height, :width], size)
            results.append(dict(masks=masks, mask_scores=score * qualities))
        return results


def draw_masks(logits: Tensor, size: Sequence[int]) -> Tuple[Tensor, Tensor]:
    """Stride-4 logits (n, H/4, W/4) as masks of another size (h, w).

    Returns: bool (n, h, w); mean foreground probability inside each, (n, ).
    """
    masks = logits.new_empty((len(logits), *size), dtype=torch.bool)
    qualities = []
    # Few at a time stay in the cache, always in the same memory: new memory
    # takes longer than resizing. NOTE on the CPU half precision is slower.
    dtype = torch.promote_types(logits.dtype, torch.float32)
    chunk = max(1, CHUNK // math.prod(size))
    large = logits.new_empty((min(chunk, len(logits)), *size), dtype=dtype)
    for part, mask in zip(logits.split(chunk), masks.split(chunk)):
        part = resize_maps(part.to(dtype), size, out=large[:len(part)])
        # 0.5 and more inside, zero outside: as bool it is the mask, and
        # rounded up its pixels can be counted, both faster than comparing.
        probability = F.threshold_(part, 0., -math.inf).sigmoid_()
        mask.copy_(probability)
        total = probability.flatten(1).sum(1)
        area = probability.ceil_().flatten(1).sum(1)
        qualities.append(total / (area + 1e-6))
    return masks, torch.cat(qualities)


def code_masks(logits: Tensor,
               size: Sequence[int]) -> Tuple[List[dict], Tensor]:
    """As :func:`draw_masks`, but one by one, and as COCO's run-length codes.

    Needs the memory of a single mask, which may be of many megapixels.
    """
    codes, qualities = [], [logits.new_empty(0)]
    for person in logits.split(1) if len(logits) else ():
        mask, quality = draw_masks(person, size)
        codes += encode_masks(mask)
        qualities.append(quality)
    return codes, torch.cat(qualities)


def _sample_masks(masks: Tensor, persons: Tensor, points: Tensor) -> Tensor:
    """The mask of each pair's person at the pair's points.

    From (num_gts, H, W), (num_pairs, ) and (num_pairs, num_points, 2) to
    (num_pairs, num_points).
    """
    if len(persons) != len(masks):  # not everybody exactly once
        return sample_points(masks[persons][:, None], points)[:, 0]
    # Points are smaller than masks: move them instead.
    points = points[persons.argsort()]
    return sample_points(masks[:, None], points)[:, 0][persons]
