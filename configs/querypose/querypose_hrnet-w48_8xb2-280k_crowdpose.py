# QueryPose, full version, HRNet-W48, CrowdPose.
_base_ = [
    '../_base_/models/querypose_hrnet-w48.py',
    '../_base_/datasets/querypose_crowdpose.py',
    '../_base_/schedules/querypose_280k.py', '../_base_/querypose_runtime.py'
]
model = dict(roi_head=dict(num_keypoints=14))
