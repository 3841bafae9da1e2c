"""Poses from crops by a model of mmpose."""
from typing import Dict, List, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from .base import CropModel


@MODELS.register_module()
class CropPose(CropModel):
    """The second step of a top-down cascade: any estimator of mmpose.

    Crops have the size that the estimator's codec asks for. The flip test of
    mmpose is left out.

    Args:
        estimator: Config of mmpose's ``TopdownPoseEstimator``.

    Raises: InputError: mmpose's models cannot be imported.
    """

    def __init__(self, *, estimator: dict, **kwargs) -> None:
        try:
            import mmpose.models  # noqa: F401
            from mmpose.structures import PoseDataSample
        except ImportError as error:
            raise InputError(
                f"CropPose: mmpose's models cannot be imported ({error}); "
                'they need compiled operators and xtcocotools, which `make '
                'env-ops` installs') from None
        width, height = estimator['head']['decoder']['input_size']
        super().__init__(size=(height, width), **kwargs)
        self._sample = PoseDataSample
        self.estimator = MODELS.build(dict(estimator, _scope_='mmpose'))

    def loss(self, crops: Tensor, regions: Tensor,
             persons: Sequence[InstanceData]) -> Dict[str, Tensor]:
        """``loss_kpt`` of mmpose's head; see :meth:`CropModel.loss`."""
        keypoints = torch.cat([p.keypoints for p in persons])
        labelled = torch.cat([p.keypoints_visible for p in persons]) > 0
        samples = self._encode(
            (keypoints - regions[:, None, :2]) / self._pixel(regions),
            labelled.float(), crops.device)
        return self.estimator.loss(crops, samples)

    def _pixel(self, regions: Tensor) -> Tensor:
        """Width and height in the image of a crop's pixel, (n, 1, 2)."""
        sides = (regions[:, 2:] - regions[:, :2])[:, None]
        return sides / sides.new_tensor(self.size[::-1])

    def _encode(self, keypoints: Tensor, labelled: Tensor,
                device: torch.device) -> List:
        """The targets that the estimator's codec makes of each person."""
        samples = []
        codec = self.estimator.head.decoder
        for points, known in zip(keypoints.cpu().numpy(),
                                 labelled.cpu().numpy()):
            targets = {
                name: torch.as_tensor(np.asarray(value), device=device)
                for name, value in codec.encode(points[None],
                                                known[None]).items()
            }
            sample = self._sample()
            sample.gt_fields = PixelData()
            if 'heatmaps' in targets:
                sample.gt_fields.heatmaps = targets.pop('heatmaps')
            sample.gt_instance_labels = InstanceData(**targets)
            samples.append(sample)
        return samples

    def predict(self, crops: Tensor, regions: Tensor) -> Dict[str, Tensor]:
        """``keypoints`` and ``keypoint_scores``; see
        :meth:`CropModel.predict`."""
        feats = self.estimator.extract_feat(crops)
        poses = self.estimator.head.predict(feats, [])
        keypoints, scores = (
            regions.new_tensor(
                np.concatenate([pose[column] for pose in poses]))
            for column in ('keypoints', 'keypoint_scores'))
        return dict(
            keypoints=keypoints * self._pixel(regions) + regions[:, None, :2],
            keypoint_scores=scores)
