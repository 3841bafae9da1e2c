# Detection alone (table 7, first row).
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    bbox_head=dict(
        task_heads=dict(mask=None, pose=None, gender=None, age=None)))
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
