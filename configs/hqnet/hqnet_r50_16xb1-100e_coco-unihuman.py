# HQNet with ResNet-50 as in the paper, arXiv 2312.05525.
_base_ = [
    '../_base_/models/hqnet_r50.py', '../_base_/datasets/coco_unihuman.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]
default_hooks = dict(checkpoint=dict(interval=2))
