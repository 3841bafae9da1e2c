from .coco_unihuman import CocoUniHumanDataset
from .posetrack21 import PoseTrack21Dataset
from .refhuman import RefHumanDataset
from .transforms import (HumanRandomCrop, HumanRandomFlip, HumanResize,
                         LoadHumanAnnotations, LoadHumanImage, PackHumanInputs,
                         PackRefInputs, RefRandomCrop, RefRandomFlip,
                         RefResize, SamplePrompt)

__all__ = [
    'CocoUniHumanDataset', 'HumanRandomCrop', 'HumanRandomFlip', 'HumanResize',
    'LoadHumanAnnotations', 'LoadHumanImage', 'PackHumanInputs',
    'PackRefInputs', 'PoseTrack21Dataset', 'RefHumanDataset', 'RefRandomCrop',
    'RefRandomFlip', 'RefResize', 'SamplePrompt'
]
