# Without masks.
_base_ = '../hqnet/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py'

model = dict(bbox_head=dict(task_heads=dict(mask=None)))
val_evaluator = dict(metric=['box', 'pose'])
test_evaluator = val_evaluator
