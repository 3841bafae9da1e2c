from .formatting import PackHumanInputs
from .geometric import (HumanExpand, HumanFilterAnnotations,
                        HumanMinIoURandomCrop, HumanRandomAffine,
                        HumanRandomCrop, HumanRandomFlip, HumanRandomShift,
                        HumanResize)
from .loading import LoadHumanAnnotations, LoadHumanImage
from .persons import PersonPipeline, PersonTransform
from .prompts import (PackRefInputs, RefRandomCrop, RefRandomFlip, RefResize,
                      SamplePrompt)

__all__ = [
    'HumanExpand', 'HumanFilterAnnotations', 'HumanMinIoURandomCrop',
    'HumanRandomAffine', 'HumanRandomCrop', 'HumanRandomFlip',
    'HumanRandomShift', 'HumanResize', 'LoadHumanAnnotations',
    'LoadHumanImage', 'PackHumanInputs', 'PackRefInputs', 'PersonPipeline',
    'PersonTransform', 'RefRandomCrop', 'RefRandomFlip', 'RefResize',
    'SamplePrompt'
]
