# A tenth of the steps.
_base_ = './hqnet_toy_r18-from-nothing_1xb4_toy-crowdpose.py'

max_iters = _base_.max_iters // 10
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
_base_.param_scheduler[0].end = 20
_base_.param_scheduler[1].update(begin=20, end=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
