# Twice as long, for larger backbones.
_base_ = './querypose_140k.py'

max_iters = 280000
train_cfg = dict(max_iters=max_iters)
_base_.param_scheduler[1].milestones = [220000, 260000]
