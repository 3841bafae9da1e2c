# UniPHD as released: its weights give its numbers.
_base_ = [
    '../_base_/models/uniphd_swin-t.py', '../_base_/datasets/refhuman.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]
max_epochs = 20
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={
        'backbone': dict(lr_mult=0.1),
        'text_encoder': dict(lr_mult=0.1)
    }))
param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=max_epochs,
        by_epoch=True,
        milestones=[18],
        gamma=0.1)
]
