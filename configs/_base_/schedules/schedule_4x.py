# 48 epochs.
_base_ = './schedule_1x.py'

train_cfg = dict(max_epochs=48)
param_scheduler = [
    _base_.warmup,
    dict(type='MultiStepLR', end=48, milestones=[32, 44], gamma=0.1)
]
