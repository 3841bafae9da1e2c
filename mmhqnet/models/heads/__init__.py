from .hqnet_head import HQNetHead
from .query_pose_head import QueryPoseHead
from .query_pose_layer import QueryPoseLayer
from .ref_pose_mask_head import RefPoseMaskHead

__all__ = ['HQNetHead', 'QueryPoseHead', 'QueryPoseLayer', 'RefPoseMaskHead']
