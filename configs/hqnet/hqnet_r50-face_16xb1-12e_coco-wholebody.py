# A face beside everything else: one more task reads the human queries.
# Trains on from the multi-task model, whose backbone and encoder stay as they
# are. Not in the paper.
_base_ = [
    '../_base_/models/hqnet_r50.py', '../_base_/datasets/coco-wholebody.py',
    '../_base_/schedules/schedule_12e.py', '../_base_/default_runtime.py'
]

model = dict(bbox_head=dict(task_heads=dict(face=dict(type='FaceHead'))))
# The files know neither genders nor ages; their branches get no gradient.
custom_hooks = [dict(type='FreezeHook', modules=['backbone', 'encoder'])]
load_from = 'work_dirs/hqnet_r50_16xb1-100e_coco-unihuman/epoch_100.pth'
