from .attribute import AgeHead, AttributeHead, GenderHead
from .base import TaskHead, to_pixels
from .mask import MaskHead
from .pose import PoseHead

__all__ = [
    'AgeHead', 'AttributeHead', 'GenderHead', 'TaskHead', 'to_pixels',
    'MaskHead', 'PoseHead'
]
