# The light version: queries do not meet the regions of their poses.
_base_ = './querypose_hrnet-w48_8xb2-280k_crowdpose.py'
model = dict(roi_head=dict(pose_layer=dict(interact=False)))
