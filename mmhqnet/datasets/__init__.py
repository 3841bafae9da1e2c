from .coco_unihuman import CocoUniHumanDataset
from .posetrack21 import PoseTrack21Dataset
from .transforms import (HumanRandomCrop, HumanRandomFlip, HumanResize,
                         LoadHumanAnnotations, LoadHumanImage, PackHumanInputs)

__all__ = [
    'CocoUniHumanDataset', 'HumanRandomCrop', 'HumanRandomFlip', 'HumanResize',
    'LoadHumanAnnotations', 'LoadHumanImage', 'PackHumanInputs',
    'PoseTrack21Dataset'
]
