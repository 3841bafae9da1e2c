# The light version: queries do not meet the regions of their poses.
_base_ = './querypose_r50_8xb2-140k_coco.py'
model = dict(roi_head=dict(pose_layer=dict(interact=False)))
