from .formatting import PackHumanInputs
from .geometric import HumanRandomCrop, HumanRandomFlip, HumanResize
from .loading import LoadHumanAnnotations, LoadHumanImage

__all__ = [
    'HumanRandomCrop', 'HumanRandomFlip', 'HumanResize',
    'LoadHumanAnnotations', 'LoadHumanImage', 'PackHumanInputs'
]
