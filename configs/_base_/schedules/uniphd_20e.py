# As UniPHD was trained.
_base_ = './schedule_100e.py'

max_epochs = 20
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(text_encoder=dict(lr_mult=0.1))))
_base_.param_scheduler[0].update(end=max_epochs, milestones=[18])
