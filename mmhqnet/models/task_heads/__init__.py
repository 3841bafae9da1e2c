from .attribute import (AgeHead, AttributeHead, CategoryHead, GenderHead,
                        NumberHead)
from .base import TaskHead, build_task_head, to_pixels
from .face import FaceHead
from .feature_tasks import FeatureTasks
from .mask import MaskHead
from .pose import PoseHead

__all__ = [
    'AgeHead', 'AttributeHead', 'CategoryHead', 'GenderHead', 'FaceHead',
    'FeatureTasks', 'NumberHead', 'TaskHead', 'build_task_head', 'to_pixels',
    'MaskHead', 'PoseHead'
]
