# Poses as the decoder gives them.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(bbox_head=dict(task_heads=dict(pose=dict(refine=None))))
