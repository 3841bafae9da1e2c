# Detection and segmentation alone.
_base_ = './hqnet_r50-box-mask-pose_16xb1-100e_coco-unihuman.py'

model = dict(bbox_head=dict(task_heads=dict(pose=None)))
val_evaluator = dict(metric=['box', 'mask'])
test_evaluator = val_evaluator
