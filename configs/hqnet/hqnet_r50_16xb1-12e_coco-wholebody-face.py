# A new task from the multi-task model: its human queries become faces.
# Backbone and encoder stay as they are, everything else is trained on.
_base_ = [
    '../_base_/models/hqnet_r50.py',
    '../_base_/datasets/coco-wholebody-face.py',
    '../_base_/schedules/schedule_12e.py', '../_base_/default_runtime.py'
]

# The paper says neither how faces are predicted nor for how long: here the
# one class changes its meaning from person to face.
model = dict(
    bbox_head=dict(
        task_heads=dict(mask=None, pose=None, gender=None, age=None)))
custom_hooks = [dict(type='FreezeHook', modules=['backbone', 'encoder'])]
load_from = 'work_dirs/hqnet_r50_16xb1-100e_coco-unihuman/epoch_100.pth'
