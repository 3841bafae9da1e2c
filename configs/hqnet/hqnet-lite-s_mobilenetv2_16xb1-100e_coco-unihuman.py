_base_ = [
    '../_base_/models/hqnet-lite-s_mobilenetv2.py',
    '../_base_/datasets/coco_unihuman.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]
