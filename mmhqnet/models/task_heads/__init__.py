from .attribute import AgeHead, AttributeHead, GenderHead
from .base import TaskHead
from .mask import MaskHead
from .pose import PoseHead

__all__ = [
    'AgeHead', 'AttributeHead', 'GenderHead', 'TaskHead', 'MaskHead',
    'PoseHead'
]
