"""Classification tasks: attributes of a person, such as gender and age."""
from typing import Dict, Optional, Sequence

from mmengine.model import bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from ..encoded_images import EncodedImages
from ..layers import build_mlp
from ..losses import expected_value, layer_mean, normaliser
from ..matching import Assignment
from .base import TaskHead


class AttributeHead(TaskHead):
    """A label per person that may be unknown for some.

    Attributes take no part in the matching, and a person whose label is
    unknown (-1, of numbers NaN) gives no gradient.

    Args:
        field: Column of ``gt_instances`` with the label, (n,).
        loss: Config of the loss on matched persons.
        name: ``loss_<name>`` is the loss; the field if not given.
        num_fcs: Linear layers; the released code has 1, the paper says 2.
    """

    #: Probability that the last layer starts with.
    prior_prob = 0.01

    def __init__(self,
                 *,
                 num_outputs: int,
                 field: str,
                 loss: dict,
                 name: Optional[str] = None,
                 num_fcs: int = 1,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.field = field
        self.loss_name = f'loss_{name or field}'
        self.attribute_loss = MODELS.build(loss)
        self.branches = self.build_branches(lambda: build_mlp(
            self.embed_dims, self.embed_dims, num_outputs, num_fcs - 1))

    def init_weights(self) -> None:
        """Start with a low probability, as for the detection class."""
        super().init_weights()
        for branch in self.branches:
            nn.init.constant_(branch[-1].bias,
                              bias_init_with_prob(self.prior_prob))

    def forward(self, query: Tensor, reference: Tensor,
                layer: int) -> Dict[str, Tensor]:
        """See :meth:`TaskHead.forward`; ``logits`` (bs, num_queries, n)."""
        return dict(logits=self.branches[layer](query))

    def prepare_targets(self, gt_instances: InstanceData,
                        encoded: EncodedImages) -> InstanceData:
        """The persons themselves.

        Raises: InputError: They have no such column.
        """
        if self.field not in gt_instances:
            raise InputError(
                f'{type(self).__name__}: the samples have no {self.field!r}; '
                f'add person_fields.{self.field} to the data set, load '
                'attributes in the pipeline, or switch the task off')
        return gt_instances

    def loss(self, outputs: Dict[str, Tensor], targets: Sequence[InstanceData],
             assignment: Assignment,
             encoded: EncodedImages) -> Dict[str, Tensor]:
        """Average over the matched persons whose label is known.

        The average is over this process alone, as in the released code.
        """
        logits = assignment.queries(outputs['logits'])
        labels = assignment.persons(  # (num_layers, num_pairs)
            [gt_instances[self.field] for gt_instances in targets])
        known = ~labels.isnan() if labels.is_floating_point() else labels >= 0
        labels = labels.where(known, labels.new_zeros(()))
        loss = self.loss_of_pairs(logits, labels) * known
        return {
            self.loss_name: layer_mean(loss, normaliser(known, sync=False))
        }

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss of matched pairs, without reduction.

        ``logits`` (num_layers, num_pairs, num_outputs), ``labels`` and result
        (num_layers, num_pairs); unknown labels are 0.
        """
        raise NotImplementedError


@MODELS.register_module()
class GenderHead(AttributeHead):
    """Gender as one logit: positive means 1, female."""

    def __init__(self,
                 *,
                 loss: dict = dict(type='BinaryCrossEntropyLoss'),
                 **kwargs) -> None:
        super().__init__(
            num_outputs=1, field='genders', name='gender', loss=loss, **kwargs)

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
    """Age as a distribution over ``num_ages`` years from 0."""

    def __init__(self,
                 *,
                 num_ages: int = 85,
                 loss: dict = dict(type='MeanVarianceLoss'),
                 **kwargs) -> None:
        self.num_ages = num_ages
        super().__init__(
            num_outputs=num_ages,
            field='ages',
            name='age',
            loss=loss,
            **kwargs)

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean-variance; see :meth:`AttributeHead.loss_of_pairs`."""
        return self.attribute_loss(logits, labels.clamp(max=self.num_ages - 1))

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``ages`` (bs, n), the expected value in years."""
        return dict(ages=expected_value(outputs['logits']))


@MODELS.register_module()
class CategoryHead(AttributeHead):
    """One of some classes: any row of the type ``category``.

    Args:
        field: Name of the row; its classes are int64 (n,), -1 unknown.
        loss: Config of a loss on logits (n, num_classes).
    """

    def __init__(self,
                 *,
                 field: str,
                 num_classes: int,
                 loss: dict = dict(type='CrossEntropyLoss'),
                 **kwargs) -> None:
        super().__init__(
            num_outputs=num_classes, field=field, loss=loss, **kwargs)

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy; see :meth:`AttributeHead.loss_of_pairs`."""
        loss = self.attribute_loss(
            logits.flatten(0, 1), labels.flatten(), reduction_override='none')
        return loss.view(labels.shape)

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``<field>`` (bs, n) int64, ``<field>_scores`` its probability."""
        scores, classes = outputs['logits'].softmax(-1).max(-1)
        return {self.field: classes, f'{self.field}_scores': scores}


@MODELS.register_module()
class NumberHead(AttributeHead):
    """A number: any row of the type ``number``.

    Args:
        field: Name of the row; its numbers are float (n,), NaN unknown.
        mean: What the head predicts at first.
        std: What a unit of its output is; about the spread of the labels.
        loss: Config of a regression loss, in these units.
    """

    prior_prob = 0.5  # a bias of 0: the mean

    def __init__(self,
                 *,
                 field: str,
                 mean: float = 0.0,
                 std: float = 1.0,
                 loss: dict = dict(type='L1Loss'),
                 **kwargs) -> None:
        self.mean, self.std = mean, std
        super().__init__(num_outputs=1, field=field, loss=loss, **kwargs)

    def loss_of_pairs(self, logits: Tensor, labels: Tensor) -> Tensor:
        """In units of ``std``; see :meth:`AttributeHead.loss_of_pairs`."""
        predicted = logits.squeeze(-1)
        target = ((labels - self.mean) / self.std).to(predicted)
        # NOTE mmdet's L1 loss of nothing is one zero.
        return self.attribute_loss(
            predicted, target, reduction_override='none').expand_as(predicted)

    def decode(self, outputs: Dict[str, Tensor], box: Dict[str, Tensor],
               encoded: EncodedImages) -> Dict[str, Tensor]:
        """``<field>`` (bs, n)."""
        return {
            self.field: outputs['logits'].squeeze(-1) * self.std + self.mean
        }
