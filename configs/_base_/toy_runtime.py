# A short training that counts steps and keeps its last checkpoint.
_base_ = ['./schedules/schedule_toy.py', './default_runtime.py']

default_hooks = dict(
    checkpoint=dict(
        by_epoch=False, interval=_base_.max_iters, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
