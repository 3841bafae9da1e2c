from .attribute import AgeHead, AttributeHead, GenderHead
from .base import EncodedImages, TaskHead
from .mask import MaskHead
from .pose import PoseHead

__all__ = [
    'AgeHead', 'AttributeHead', 'GenderHead', 'EncodedImages', 'TaskHead',
    'MaskHead', 'PoseHead'
]
