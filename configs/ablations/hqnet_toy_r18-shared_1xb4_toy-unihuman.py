# One copy of each task's branches for all layers.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    bbox_head=dict(
        task_heads=dict(
            mask=dict(share_branches=True),
            pose=dict(share_branches=True),
            gender=dict(share_branches=True),
            age=dict(share_branches=True))))
