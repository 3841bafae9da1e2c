# DINO for all classes of COCO, evaluated on persons (table A3).
_base_ = [
    '../_base_/models/dino-cascade_r50.py',
    '../_base_/datasets/coco_80-classes.py',
    '../_base_/schedules/schedule_12e.py', '../_base_/default_runtime.py'
]

model = dict(detector=dict(bbox_head=dict(num_classes=80)))
train_dataloader = dict(batch_size=2)
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
