"""What a task has to write: the interface between HQNet and its tasks."""
import copy
from typing import Any, Callable, Dict, List, Optional, Sequence

from mmengine.model import BaseModule, ModuleList
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..encoded_images import EncodedImages
from ..matching import Assignment
from ..prediction_layers import PredictionLayers

# Fields of ``pred_instances`` of each image, each (num_kept, ...).
Results = List[Dict[str, Tensor]]


class TaskHead(PredictionLayers, BaseModule):
    """Base class of everything that is read from the human queries.

    A task writes :meth:`forward` and :meth:`loss`; it may write
    :meth:`prepare_targets`, :meth:`match_cost`, :meth:`loss_per_step`,
    :meth:`decode` and :meth:`pack`. Outputs are dictionaries of tensors;
    :class:`HQNetHead` stacks those of all layers, the decoder's first, the
    encoder's proposals last, and never looks inside. :meth:`forward` and
    :meth:`decode` work on plain tensors and can be traced for export; what
    belongs to results is in :meth:`pack`.

    The ready-made paradigms (paper sec. 3.2) are coordinates relative to the
    shared box reference (:class:`PoseHead`, :class:`FaceHead`), dense maps
    from the dot product with the pixel embedding (:class:`MaskHead`), and
    classification (:class:`GenderHead`, :class:`AgeHead`).

    Args:
        num_pred_layers: Decoder layers, and one for the encoder's proposals.
        share_branches: Whether all layers share one copy of the branches.
        denoise: Whether the denoising queries learn the task too (ours; the
            paper's learn boxes alone). Their persons are known, so that every
            image gives many more examples.
    """

    needs_pixel_embedding = False
    """bool: Whether the task reads ``EncodedImages.pixel_embedding``."""

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_pred_layers: int = 7,
                 share_branches: bool = False,
                 denoise: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dims = embed_dims
        self.num_pred_layers = num_pred_layers
        self.share_branches = share_branches
        self.denoise = denoise

    def build_branches(self, build: Callable[[], nn.Module]) -> ModuleList:
        """Copies of what ``build`` makes, one per layer or one for all."""
        branch = build()
        copies = range(self.num_pred_layers - 1)
        if self.share_branches:
            return ModuleList([branch] + [branch for _ in copies])
        return ModuleList([branch] + [copy.deepcopy(branch) for _ in copies])

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """Compute the task's outputs, each (bs, num_queries, ...), of a layer.

        Args:
            query: Human queries, (bs, num_queries, dim).
            reference: Box reference of that layer as logits of the normalised
                cxcywh, (bs, num_queries, 4).
            layer: Number of the decoder layer, or ``proposals_layer``.
        """
        raise NotImplementedError

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> Any:
        """Bring one image's persons into the form the task needs.

        Called once per step, with the view of the image. What it returns is
        handed to :meth:`match_cost` and :meth:`loss`.
        """
        return gt_instances

    def match_cost(self, outputs: Dict[str, Tensor], targets: Any,
                   encoded: EncodedImages) -> Optional[Tensor]:
        """Weighted cost of giving a query to a person of an image.

        Called without gradient or autocast, with the view of the image.

        Args:
            outputs: Each (num_queries, ...), the queries layer after layer.
            targets: From :meth:`prepare_targets`.

        Returns: (num_queries, num_gts), or None to stay out of the matching.
        """
        return None

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[Any],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """Compute the weighted losses of all layers.

        Args:
            outputs: Each (num_pred_layers, bs, num_queries, ...).
            targets: From :meth:`prepare_targets`, one per image.

        Returns: (num_pred_layers, ) each, or one less without the proposals.
        """
        raise NotImplementedError

    def loss_per_step(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
                      targets: Sequence[Any], assignment: Assignment,
                      encoded: EncodedImages) -> Dict[str, Tensor]:
        """Compute losses that do not belong to a layer, scalars.

        Args:
            outputs, targets, assignment: As for :meth:`loss`.
            box: What all tasks share, see :meth:`HQNetHead.forward_layer`:
                ``queries``, ``cls_scores`` and ``bboxes``, each
                (num_pred_layers, bs, num_queries, ...).
        """
        return {}

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """Turn outputs of kept queries into predictions (bs, num_kept, ...).

        Traceable: tensors in, tensors out, no loop over images, no number
        taken from a tensor. Coordinates are normalised by the image size.

        Args:
            outputs: Those of the last decoder layer, (bs, num_kept, ...).
            box: What all tasks share, see :meth:`HQNetHead.select`:
                ``queries``, ``bboxes``, ``scores`` and ``labels``, each (bs,
                num_kept, ...).
        """
        return outputs

    def pack(self, decoded: Dict[str, Tensor], scores: Tensor,
             img_metas: List[dict], rescale: bool) -> Results:
        """Turn predictions into fields of the result; by default as they are.

        Args:
            decoded: From :meth:`decode`.
            scores: Detection scores, (bs, num_kept).
            rescale: Pixels of the original image, not of the network's input.
        """
        return [
            dict(zip(decoded, values)) for values in zip(*decoded.values())
        ]


def to_pixels(points: Tensor, img_metas: List[dict], rescale: bool) -> Tensor:
    """Normalised points x, y or boxes xyxy (bs, ..., 2 or 4) in pixels."""
    width = points.shape[-1]
    shape = (-1, *[1] * (points.dim() - 2), width)
    sizes = points.new_tensor([meta['img_shape'][1::-1] for meta in img_metas])
    points = points * sizes.repeat(1, width // 2).view(shape)
    if rescale:
        factors = points.new_tensor(
            [meta['scale_factor'] for meta in img_metas])
        points = points / factors.repeat(1, width // 2).view(shape)
    return points
