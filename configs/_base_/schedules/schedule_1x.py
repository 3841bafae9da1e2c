# mmdet's 12 epochs, for detectors of regions: 8 GPUs with two images each.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001))
warmup = dict(
    type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500)
param_scheduler = [
    warmup,
    dict(type='MultiStepLR', end=12, milestones=[8, 11], gamma=0.1)
]
auto_scale_lr = dict(base_batch_size=16, enable=False)
