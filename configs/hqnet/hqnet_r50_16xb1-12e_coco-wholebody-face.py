# A new task from the multi-task model: its human queries become faces.
# Backbone and encoder stay as they are, everything else is trained on.
_base_ = [
    '../_base_/models/hqnet_r50.py',
    '../_base_/datasets/coco-wholebody-face.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]

# The paper does not say how faces are predicted: here the one class changes
# its meaning from person to face.
model = dict(
    bbox_head=dict(
        task_heads=dict(mask=None, pose=None, gender=None, age=None)))
custom_hooks = [dict(type='FreezeHook', modules=['backbone', 'encoder'])]
load_from = 'work_dirs/hqnet_r50_16xb1-100e_coco-unihuman/epoch_100.pth'

train_cfg = dict(max_epochs=12, val_interval=1)  # the paper names no schedule
param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=12,
        by_epoch=True,
        milestones=[11],
        gamma=0.1)
]
