# QueryPose, full version, ResNet-50, CrowdPose.
_base_ = [
    '../_base_/models/querypose_r50.py',
    '../_base_/datasets/querypose_crowdpose.py',
    '../_base_/schedules/querypose_140k.py', '../_base_/querypose_runtime.py'
]
model = dict(roi_head=dict(num_keypoints=14))
