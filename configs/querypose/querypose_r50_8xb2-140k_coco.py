# QueryPose, full version, ResNet-50, COCO.
_base_ = [
    '../_base_/models/querypose_r50.py',
    '../_base_/datasets/querypose_coco.py',
    '../_base_/schedules/querypose_140k.py', '../_base_/querypose_runtime.py'
]
