# Mask R-CNN, 4 times as long (figure A2).
_base_ = [
    '../_base_/models/mask-rcnn_r50.py', '../_base_/datasets/coco_unihuman.py',
    '../_base_/schedules/schedule_4x.py', '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=2)
val_evaluator = dict(metric=['box', 'mask'])
test_evaluator = val_evaluator
