# Boxes, masks and poses of real persons, learnt on one CPU core in hours.
_base_ = [
    '../_base_/models/hqnet-lite-s_mobilenetv2.py',
    '../_base_/datasets/coco_person.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]
model = dict(bbox_head=dict(task_heads=dict(gender=None, age=None)))

max_epochs = 40
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(lr=0.0004),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(
        custom_keys=dict(
            backbone=dict(lr_mult=0.2), sampling_offsets=dict(lr_mult=0.1))))
# Constant, so that a training may become longer than planned, then down.
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(
        type='LinearLR',
        begin=max_epochs * 3 // 4,
        end=max_epochs,
        start_factor=1.0,
        end_factor=0.02,
        convert_to_iter_based=True)
]
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0005,
        gamma=500,
        update_buffers=True)
]
randomness = dict(seed=0)
