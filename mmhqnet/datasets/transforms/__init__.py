from .formatting import PackHumanInputs
from .geometric import HumanRandomCrop, HumanRandomFlip, HumanResize
from .loading import LoadHumanAnnotations, LoadHumanImage
from .prompts import (PackRefInputs, RefRandomCrop, RefRandomFlip, RefResize,
                      SamplePrompt)

__all__ = [
    'HumanRandomCrop', 'HumanRandomFlip', 'HumanResize',
    'LoadHumanAnnotations', 'LoadHumanImage', 'PackHumanInputs',
    'PackRefInputs', 'RefRandomCrop', 'RefRandomFlip', 'RefResize',
    'SamplePrompt'
]
