from .coco_unihuman import CocoUniHumanDataset
from .posetrack21 import PoseTrack21Dataset
from .refhuman import RefHumanDataset
from .transforms import (HumanExpand, HumanFilterAnnotations,
                         HumanMinIoURandomCrop, HumanRandomAffine,
                         HumanRandomCrop, HumanRandomFlip, HumanRandomShift,
                         HumanResize, LoadHumanAnnotations, LoadHumanImage,
                         PackHumanInputs, PackRefInputs, RefRandomCrop,
                         RefRandomFlip, RefResize, SamplePrompt)

__all__ = [
    'CocoUniHumanDataset', 'HumanExpand', 'HumanFilterAnnotations',
    'HumanMinIoURandomCrop', 'HumanRandomAffine', 'HumanRandomCrop',
    'HumanRandomFlip', 'HumanRandomShift', 'HumanResize',
    'LoadHumanAnnotations', 'LoadHumanImage', 'PackHumanInputs',
    'PackRefInputs', 'PoseTrack21Dataset', 'RefHumanDataset', 'RefRandomCrop',
    'RefRandomFlip', 'RefResize', 'SamplePrompt'
]
