# Detection alone: DINO with 300 queries.
_base_ = './hqnet_r50-box-mask_16xb1-100e_coco-unihuman.py'

model = dict(bbox_head=dict(task_heads=dict(mask=None)))
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
