from .attribute_roi_head import AttributeRoIHead
from .hqnet_head import HQNetHead
from .query_pose_head import QueryPoseHead
from .query_pose_layer import QueryPoseLayer
from .ref_pose_mask_head import RefPoseMaskHead

__all__ = [
    'AttributeRoIHead', 'HQNetHead', 'QueryPoseHead', 'QueryPoseLayer',
    'RefPoseMaskHead'
]
