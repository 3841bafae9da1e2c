from .attribute import (AgeHead, AttributeHead, CategoryHead, GenderHead,
                        NumberHead)
from .base import TaskHead, to_pixels
from .building import build_attribute_heads, build_task_heads
from .face import FaceHead
from .feature_tasks import FeatureTasks
from .mask import MaskHead
from .pose import PoseHead

__all__ = [
    'AgeHead', 'AttributeHead', 'CategoryHead', 'GenderHead', 'FaceHead',
    'FeatureTasks', 'NumberHead', 'TaskHead', 'build_attribute_heads',
    'build_task_heads', 'to_pixels', 'MaskHead', 'PoseHead'
]
