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
    :meth:`decode` and :meth:`pack`. :class:`HQNetHead` calls them in this
    order. Outputs are dictionaries of tensors; the head stacks those of all
    layers, the decoder's first, the encoder's proposals last, and never looks
    inside.

    :meth:`forward` and :meth:`decode` work on plain tensors and can be traced
    for export; what belongs to results is in :meth:`pack`.

    The three ready-made paradigms (paper sec. 3.2): coordinates relative to
    the shared box reference (:class:`PoseHead`), dense maps from the dot
    product with the pixel embedding (:class:`MaskHead`), and classification
    (:class:`GenderHead`, :class:`AgeHead`).

    Args:
        embed_dims (int): Channels of the human queries.
        num_pred_layers (int): Number of decoder layers plus one for the
            encoder's proposals.
        share_branches (bool): Whether all layers share one copy of the
            branches.
        denoise (bool): Whether the denoising queries learn the task too
            (ours; the paper's learn boxes alone). Their persons are known, so
            that every image gives many more examples.
        init_cfg (dict, optional): Initialisation config.
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
        """Make the copies of a branch: one per layer, or one shared by all.

        Args:
            build (Callable): Makes one branch.

        Returns:
            ModuleList: ``num_pred_layers`` branches.
        """
        branch = build()
        copies = range(self.num_pred_layers - 1)
        if self.share_branches:
            return ModuleList([branch] + [branch for _ in copies])
        return ModuleList([branch] + [copy.deepcopy(branch) for _ in copies])

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """Compute the task's outputs from the queries of one layer.

        Args:
            query (Tensor): Human queries, (bs, num_queries, dim).
            reference (Tensor): Box reference of that layer as logits of the
                normalised cxcywh, (bs, num_queries, 4).
            layer (int): Number of the decoder layer;
                ``proposals_layer`` for the encoder's proposals.

        Returns:
            dict[str, Tensor]: Outputs, each (bs, num_queries, ...).
        """
        raise NotImplementedError

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> Any:
        """Bring one image's ground truth into the form the task needs.

        Called once per image and step.

        Args:
            gt_instances (InstanceData): Persons of the image.
            encoded (EncodedImages): The encoded image, a batch of size 1.

        Returns:
            Any: Handed to :meth:`match_cost` and :meth:`loss`.
        """
        return gt_instances

    def match_cost(self, outputs: Dict[str, Tensor], targets: Any,
                   encoded: EncodedImages) -> Optional[Tensor]:
        """Cost of giving a query to a person, without gradient or autocast.

        Args:
            outputs (dict[str, Tensor]): Outputs of one image, each
                (num_queries, ...); the queries of all layers one after the
                other.
            targets (Any): From :meth:`prepare_targets`.
            encoded (EncodedImages): The encoded image, a batch of size 1.

        Returns:
            Tensor, optional: Weighted cost, (num_queries, num_gts), or None
            if the task takes no part in the matching.
        """
        return None

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[Any],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """Compute the losses of all layers.

        Args:
            outputs (dict[str, Tensor]): Outputs of all layers, each
                (num_pred_layers, bs, num_queries, ...).
            targets (Sequence): From :meth:`prepare_targets`, one per image.
            assignment (Assignment): Pairs of queries and persons.
            encoded (EncodedImages): The encoded batch.

        Returns:
            dict[str, Tensor]: Weighted losses, each (num_pred_layers, ), or
            (num_pred_layers - 1, ) to leave out the encoder's proposals.
        """
        raise NotImplementedError

    def loss_per_step(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
                      targets: Sequence[Any], assignment: Assignment,
                      encoded: EncodedImages) -> Dict[str, Tensor]:
        """Compute losses that do not belong to a layer, once per step.

        Args:
            outputs, targets, assignment, encoded: As for :meth:`loss`.
            box (dict[str, Tensor]): Outputs that all tasks share, see
                :meth:`HQNetHead.forward_layer`: ``queries``, ``cls_scores``
                and ``bboxes``, each (num_pred_layers, bs, num_queries, ...).

        Returns:
            dict[str, Tensor]: Weighted losses, scalars.
        """
        return {}

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """Turn the outputs of the kept queries into predictions.

        Traceable: tensors in, tensors out, no loop over images, no number
        taken from a tensor. Coordinates are normalised by the image size.

        Args:
            outputs (dict[str, Tensor]): Outputs of the last decoder layer,
                each (bs, num_kept, ...).
            box (dict[str, Tensor]): What all tasks share, see
                :meth:`HQNetHead.select`: ``queries``, ``bboxes``, ``scores``
                and ``labels``, each (bs, num_kept, ...).
            encoded (EncodedImages): The encoded batch.

        Returns:
            dict[str, Tensor]: Predictions, each (bs, num_kept, ...).
        """
        return outputs

    def pack(self, decoded: Dict[str, Tensor], scores: Tensor,
             img_metas: List[dict], rescale: bool) -> Results:
        """Turn predictions into fields of the result of each image.

        Args:
            decoded (dict[str, Tensor]): From :meth:`decode`.
            scores (Tensor): Detection scores, (bs, num_kept).
            img_metas (list[dict]): Meta information of the images.
            rescale (bool): Whether coordinates are those of the original
                image instead of the network's input.

        Returns:
            list[dict[str, Tensor]]: For each image, fields of
            ``pred_instances``, each (num_kept, ...); as they are if the task
            does not write this method.
        """
        return [
            dict(zip(decoded, values)) for values in zip(*decoded.values())
        ]


def to_pixels(points: Tensor, img_metas: List[dict], rescale: bool) -> Tensor:
    """Normalised points (bs, ..., 2) in pixels of the image.

    Args:
        points (Tensor): (x, y) normalised by the size of their image.
        img_metas (list[dict]): Meta information of the images.
        rescale (bool): Pixels of the original image instead of the input's.
    """
    shape = (-1, *[1] * (points.dim() - 2), 2)
    sizes = [meta['img_shape'][1::-1] for meta in img_metas]
    points = points * points.new_tensor(sizes).view(shape)
    if rescale:
        factors = [meta['scale_factor'] for meta in img_metas]
        points = points / points.new_tensor(factors).view(shape)
    return points
