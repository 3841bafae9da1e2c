from .attribute import AgeHead, AttributeHead, GenderHead
from .base import TaskHead, to_pixels
from .face import FaceHead
from .mask import MaskHead
from .pose import PoseHead

__all__ = [
    'AgeHead', 'AttributeHead', 'GenderHead', 'FaceHead', 'TaskHead',
    'to_pixels', 'MaskHead', 'PoseHead'
]
