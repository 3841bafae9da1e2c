"""Mask R-CNN with a branch for attributes."""
from typing import Dict, List, Mapping, Sequence

from mmdet.models.roi_heads import StandardRoIHead
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from torch import Tensor

from mmhqnet.registry import MODELS

from ..task_heads import FeatureTasks


@MODELS.register_module()
class AttributeRoIHead(StandardRoIHead):
    """mmdet's head of regions with gender or age beside class and box.

    The baseline of the paper's section A5. Attributes are read from the
    shared layers of the box head, and learnt on the true boxes.

    Args:
        attributes: Configs of attribute heads by name.
    """

    def __init__(self, *, attributes: Mapping[str, dict], **kwargs) -> None:
        super().__init__(**kwargs)
        self.attributes = FeatureTasks(attributes, 'roi_head.attributes',
                                       self.bbox_head.fc_out_channels)

    def _features(self, x: Sequence[Tensor], boxes: List[Tensor]) -> Tensor:
        """Features (n, C) of the boxes (n_i, 4) xyxy of each image."""
        feats = self.bbox_roi_extractor(x[:self.bbox_roi_extractor.num_inputs],
                                        bbox2roi(boxes))
        feats = feats.flatten(1)
        for layer in self.bbox_head.shared_fcs:
            feats = layer(feats).relu()
        return feats

    def loss(self, x: Sequence[Tensor], rpn_results_list: InstanceList,
             batch_data_samples: SampleList) -> Dict[str, Tensor]:
        """mmdet's losses and those of the attributes."""
        losses = super().loss(x, rpn_results_list, batch_data_samples)
        persons = [sample.gt_instances for sample in batch_data_samples]
        feats = self._features(x, [p.bboxes for p in persons])
        return {**losses, **self.attributes.loss(feats, persons)}

    def predict(self,
                x: Sequence[Tensor],
                rpn_results_list: InstanceList,
                batch_data_samples: SampleList,
                rescale: bool = False) -> InstanceList:
        """mmdet's results with the attributes' columns."""
        results = super().predict(x, rpn_results_list, batch_data_samples,
                                  rescale)
        boxes = [
            result.bboxes * result.bboxes.new_tensor(
                sample.scale_factor if rescale else (1, 1)).repeat(2)
            for result, sample in zip(results, batch_data_samples)
        ]
        columns = self.attributes.predict(self._features(x, boxes))
        for column, values in columns.items():
            parts = values.split([len(result) for result in results])
            for result, part in zip(results, parts):
                result.set_field(part, column)
        return results
