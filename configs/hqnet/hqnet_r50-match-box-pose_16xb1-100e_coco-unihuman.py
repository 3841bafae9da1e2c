# All tasks are learnt, but masks have no say in the matching.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

model = dict(
    bbox_head=dict(task_heads=dict(mask=dict(cost_mask=0.0, cost_dice=0.0))))
