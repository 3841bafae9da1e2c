"""Gender and age from a person's crop."""
from typing import Dict, Mapping, Sequence

from mmengine.structures import InstanceData
from torch import Tensor

from mmhqnet.registry import MODELS

from ..task_heads import FeatureTasks
from .base import CropModel


@MODELS.register_module()
class CropAttributes(CropModel):
    """A classifier of pedestrian attributes: backbone, average, linear layers.

    Like StrongBL, with HQNet's attribute heads.

    Args:
        backbone: Config of a backbone, whose last map is averaged.
        attributes: Configs of attribute heads by name.
        embed_dims: Channels of the last map.
    """

    def __init__(self, *, backbone: dict, attributes: Mapping[str, dict],
                 embed_dims: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        self.attributes = FeatureTasks(attributes, 'CropAttributes.attributes',
                                       embed_dims)

    def _features(self, crops: Tensor) -> Tensor:
        return self.backbone(crops)[-1].mean((2, 3))

    def loss(self, crops: Tensor, regions: Tensor,
             persons: Sequence[InstanceData]) -> Dict[str, Tensor]:
        """``loss_gender`` and so on; see :meth:`CropModel.loss`."""
        return self.attributes.loss(self._features(crops), persons)

    def predict(self, crops: Tensor, regions: Tensor) -> Dict[str, Tensor]:
        """The heads' columns; see :meth:`CropModel.predict`."""
        return self.attributes.predict(self._features(crops))
