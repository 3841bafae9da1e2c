# The COCO-UniHuman model on OCHuman test, without training on it.
_base_ = [
    '../_base_/models/hqnet_r50.py', '../_base_/datasets/ochuman.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]
