# Without the attributes (table 7).
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(bbox_head=dict(task_heads=dict(gender=None, age=None)))
val_evaluator = dict(metric=['box', 'mask', 'pose'])
test_evaluator = val_evaluator
