# 24 epochs.
_base_ = './schedule_1x.py'

train_cfg = dict(max_epochs=24)
param_scheduler = [
    _base_.warmup,
    dict(type='MultiStepLR', end=24, milestones=[16, 22], gamma=0.1)
]
