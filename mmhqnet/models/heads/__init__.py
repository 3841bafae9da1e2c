from .hqnet_head import HQNetHead
from .ref_pose_mask_head import RefPoseMaskHead

__all__ = ['HQNetHead', 'RefPoseMaskHead']
