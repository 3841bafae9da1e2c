"""QueryPose: sparse multi-person pose regression with part queries."""
import copy
from typing import Dict, List, Sequence

from mmdet.models.detectors import SparseRCNN
from mmdet.structures import SampleList
from torch import Tensor

from mmhqnet.registry import MODELS


@MODELS.register_module()
class QueryPose(SparseRCNN):
    """QueryPose (NeurIPS 2022) on mmdet's Sparse R-CNN.

    Learned proposals pass six stages. Each stage refines the boxes of all
    queries and estimates their poses from part queries; see
    :class:`QueryPoseHead`.
    """

    def __init__(self, **kwargs) -> None:
        # NOTE mmdet's detectors write into their configs, which would make a
        # config good for one model only.
        super().__init__(**copy.deepcopy(kwargs))

    def decode(self, feats: Sequence[Tensor],
               batch_data_samples: SampleList) -> List[Dict[str, Tensor]]:
        """Run all stages on the neck's maps; see :meth:`QueryPoseHead.decode`.

        The samples give ``img_shape``, the size without padding.
        """
        proposals = self.rpn_head.predict(feats, batch_data_samples)
        return self.roi_head.decode(feats, proposals)
