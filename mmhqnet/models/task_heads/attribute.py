"""Classification tasks: attributes of a person, such as gender and age."""
from typing import Dict, Sequence

from mmengine.model import bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.registry import MODELS

from ..encoded_images import EncodedImages
from ..layers import build_mlp
from ..losses import expected_value, layer_mean, normaliser
from ..matching import Assignment
from .base import TaskHead


class AttributeHead(TaskHead):
    """A label per person that may be unknown (-1) for some (spec 1.8).

    Attributes take no part in the matching, and a person whose label is
    unknown gives no gradient.

    Args:
        num_outputs (int): Number of logits.
        field (str): Field of ``gt_instances`` with the label, int64 (n, ),
            -1 where unknown.
        loss (dict): Config of the loss on matched persons.
        num_fcs (int): Number of linear layers; the released code has 1, the
            paper says 2.
    """

    def __init__(self,
                 *,
                 num_outputs: int,
                 field: str,
                 loss: dict,
                 num_fcs: int = 1,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.field = field
        self.attribute_loss = MODELS.build(loss)
        self.branches = self.build_branches(lambda: build_mlp(
            self.embed_dims, self.embed_dims, num_outputs, num_fcs - 1))

    def init_weights(self) -> None:
        """Start with a low probability, as for the detection class."""
        super().init_weights()
        for branch in self.branches:
            nn.init.constant_(branch[-1].bias, bias_init_with_prob(0.01))

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """See :meth:`TaskHead.forward`; ``logits`` (bs, num_queries, n)."""
        return dict(logits=self.branches[layer](query))

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[InstanceData],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """Average over the matched persons whose label is known.

        The average is over this process alone, as in the released code.
        """
        logits = assignment.queries(outputs['logits'])
        labels = assignment.persons(
            [gt_instances[self.field] for gt_instances in targets])
        known = labels >= 0
        loss = self.loss_of_pairs(logits, labels.clamp(min=0)) * known
        name = f'loss_{self.field.removesuffix("s")}'
        return {name: layer_mean(loss, normaliser(known, sync=False))}

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss of matched pairs, without reduction.

        Args:
            logits (Tensor): (num_layers, num_pairs, num_outputs).
            labels (Tensor): int64, (num_layers, num_pairs).

        Returns:
            Tensor: (num_layers, num_pairs).
        """
        raise NotImplementedError


@MODELS.register_module()
class GenderHead(AttributeHead):
    """Gender as one logit: positive means 1, female (spec 2.8, 10.1).

    Args:
        loss (dict): Config of a binary loss.
    """

    def __init__(self,
                 *,
                 loss: dict = dict(type='BinaryCrossEntropyLoss'),
                 **kwargs) -> None:
        super().__init__(num_outputs=1, field='genders', loss=loss, **kwargs)

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary cross entropy; see :meth:`AttributeHead.loss_of_pairs`."""
        return self.attribute_loss(logits.squeeze(-1), labels)

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``genders`` (bs, n) 0 or 1, ``gender_scores`` (bs, n) P(female)."""
        logits = outputs['logits'].squeeze(-1)
        return dict(
            genders=(logits > 0).long(), gender_scores=logits.sigmoid())


@MODELS.register_module()
class AgeHead(AttributeHead):
    """Age as a distribution over years (spec 2.9).

    Args:
        num_ages (int): Number of bins, one per year from 0.
        loss (dict): Config of the loss on a distribution.
    """

    def __init__(self,
                 *,
                 num_ages: int = 85,
                 loss: dict = dict(type='MeanVarianceLoss'),
                 **kwargs) -> None:
        self.num_ages = num_ages
        super().__init__(
            num_outputs=num_ages, field='ages', loss=loss, **kwargs)

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean-variance; see :meth:`AttributeHead.loss_of_pairs`."""
        return self.attribute_loss(logits, labels.clamp(max=self.num_ages - 1))

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``ages`` (bs, n), the expected value in years."""
        return dict(ages=expected_value(outputs['logits']))
