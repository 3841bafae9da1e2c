# For a new task of a model that is trained already.
_base_ = './schedule_100e.py'

train_cfg = dict(max_epochs=12, val_interval=1)
param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=12,
        by_epoch=True,
        milestones=[11],
        gamma=0.1)
]
