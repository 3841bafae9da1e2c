# Detection alone.
_base_ = './hqnet-lite-s_mobilenetv2-box-pose_1xb4-40e_coco-person.py'

model = dict(bbox_head=dict(task_heads=dict(pose=None)))
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
