# The toy model for two CPU cores and half an hour. Learnt from random weights,
# it has to find out early which person a prompt means: pixels ask with their
# places, and the class counts for more.
_base_ = './uniphd_toy_r18_1xb4_toy-refhuman.py'
model = dict(
    num_queries=10,
    fusion=dict(selective=True),
    positional_encoding=dict(scale=18.85),  # 6 pi: places that differ
    bbox_head=dict(
        weights=dict(loss_cls=10.0),
        attributes=dict(
            age=dict(loss=dict(type='MeanVarianceLoss', loss_weight=0.35)))))

max_iters = 2800
train_dataloader = dict(batch_size=8)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 4)
optim_wrapper = dict(
    optimizer=dict(betas=(0.9, 0.99)))  # a short training, a short memory
_base_.param_scheduler[1].end = max_iters
default_hooks = dict(checkpoint=dict(interval=max_iters // 4))
