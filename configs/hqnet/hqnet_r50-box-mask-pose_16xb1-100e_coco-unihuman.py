# Without the attributes.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

model = dict(bbox_head=dict(task_heads=dict(gender=None, age=None)))
val_evaluator = dict(metric=['box', 'mask', 'pose'])
test_evaluator = val_evaluator
