train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='MergedGroupsConstructor',  # the same steps, faster
    optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.0001),
    clip_grad=dict(max_norm=0.1, norm_type=2),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=100,
        by_epoch=True,
        milestones=[80],
        gamma=0.1)
]

# 16 GPUs with one image each.
auto_scale_lr = dict(base_batch_size=16, enable=False)
