from .attributes import CropAttributes
from .base import CropModel
from .pose import CropPose

__all__ = ['CropAttributes', 'CropModel', 'CropPose']
