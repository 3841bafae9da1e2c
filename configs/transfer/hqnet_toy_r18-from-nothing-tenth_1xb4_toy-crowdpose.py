# A tenth of the steps.
_base_ = './hqnet_toy_r18-from-nothing_1xb4_toy-crowdpose.py'

max_iters = _base_.max_iters // 10
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=20,
        end=max_iters,
        eta_min=0)
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
