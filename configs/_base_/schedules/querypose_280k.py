# Twice as long, for larger backbones.
_base_ = './querypose_140k.py'

max_iters = 280000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[220000, 260000],
        gamma=0.1)
]
