# For a new task of a model that is trained already.
_base_ = './schedule_100e.py'

train_cfg = dict(max_epochs=12, val_interval=1)
_base_.param_scheduler[0].update(end=12, milestones=[11])
