# DINO for persons alone (table 2).
_base_ = [
    '../_base_/models/dino-cascade_r50.py',
    '../_base_/datasets/coco_unihuman.py',
    '../_base_/schedules/schedule_12e.py', '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=2)
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
