# 140000 steps of 16 images, about 35 epochs of COCO's images with persons.
max_iters = 140000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='MergedGroupsConstructor',  # the same steps, faster
    optimizer=dict(type='AdamW', lr=2.5e-5, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0, norm_type=2),
    paramwise_cfg=dict(custom_keys={'loss_kpt.flow': dict(lr_mult=10)}))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[110000, 130000],
        gamma=0.1)
]

# 8 GPUs with two images each.
auto_scale_lr = dict(base_batch_size=16, enable=False)
