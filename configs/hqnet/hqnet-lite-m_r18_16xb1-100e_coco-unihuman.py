_base_ = [
    '../_base_/models/hqnet-lite-m_r18.py',
    '../_base_/datasets/coco_unihuman.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]
