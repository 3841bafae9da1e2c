"""Detectors of mmdet as models of persons."""
import copy
from typing import Mapping, Optional, Tuple

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import SampleList
from mmengine.model import ModuleDict
from torch import Tensor

from mmhqnet.registry import MODELS

from ..prediction_layers import full_precision


@MODELS.register_module()
class PersonCascade(BaseDetector):
    """The persons that a detector finds, and what crops say of each.

    What a detector of mmdet predicts are fields of ours already; those of
    other classes are left out, and models of crops add poses and attributes.
    All are trained together and share nothing. A checkpoint of the detector
    alone, as in mmdet's zoo, can be loaded too.

    Args:
        detector: Config of a detector of mmdet, without ``data_preprocessor``.
        crop_models: Configs of :class:`CropModel` by name.
        person_label: The detector's class of persons.
        data_preprocessor: Of all.
    """

    def __init__(self,
                 *,
                 detector: dict,
                 crop_models: Optional[Mapping[str, dict]] = None,
                 person_label: int = 0,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        # NOTE mmdet's detectors write into their configs.
        self.detector = MODELS.build(copy.deepcopy(detector))
        self.crop_models = ModuleDict({
            name: MODELS.build(cfg)
            for name, cfg in (crop_models or {}).items()
        })
        self.person_label = person_label
        self._register_load_state_dict_pre_hook(self._name_as_ours)

    @staticmethod
    def _name_as_ours(state_dict: dict, prefix: str, *args) -> None:
        """Rename the weights of a plain detector."""
        if not any(key.startswith(f'{prefix}detector.') for key in state_dict):
            for key in list(state_dict):
                name = f'{prefix}detector.{key[len(prefix):]}'
                state_dict[name] = state_dict.pop(key)

    def loss(self, batch_inputs: Tensor,
             batch_data_samples: SampleList) -> dict:
        """The detector's losses, and ``<name>.loss_...`` of each crop model
        on the true boxes."""
        persons = [sample.gt_instances for sample in batch_data_samples]
        losses = self.detector.loss(batch_inputs, batch_data_samples)
        for name, model in self.crop_models.items():
            regions = [model.regions(p.bboxes) for p in persons]
            crops = torch.cat(list(map(model.cut, batch_inputs, regions)))
            if len(crops):
                of_crops = model.loss(crops, torch.cat(regions), persons)
            else:  # every parameter still gets its gradient, of 0
                of_crops = dict(
                    loss=sum(p.sum() for p in model.parameters()) * 0)
            for key, value in of_crops.items():
                losses[f'{name}.{key}'] = value
        return losses

    def predict(self,
                batch_inputs: Tensor,
                batch_data_samples: SampleList,
                rescale: bool = True) -> SampleList:
        """Fill ``pred_instances`` with the persons."""
        samples = self.detector.predict(
            batch_inputs, batch_data_samples, rescale=rescale)
        for image, sample in zip(batch_inputs, samples):
            persons = sample.pred_instances
            persons = persons[persons.labels == self.person_label]
            persons.labels = torch.zeros_like(persons.labels)
            if len(persons):
                factors = persons.bboxes.new_tensor(
                    sample.scale_factor if rescale else (1, 1)).repeat(2)
                for model in self.crop_models.values():
                    regions = model.regions(persons.bboxes * factors)
                    columns = model.predict(
                        model.cut(image, regions), regions / factors)
                    for column, values in columns.items():
                        persons.set_field(values, column)
            # NOTE mmdet's heads answer in the numbers of mixed precision.
            for field, values in persons.items():
                persons.set_field(full_precision(values), field)
            sample.pred_instances = persons
        return samples

    def extract_feat(self, batch_inputs: Tensor) -> Tuple[Tensor, ...]:
        """The detector's maps."""
        return self.detector.extract_feat(batch_inputs)

    def _forward(self,
                 batch_inputs: Tensor,
                 batch_data_samples: Optional[SampleList] = None):
        return self.detector._forward(batch_inputs, batch_data_samples)
