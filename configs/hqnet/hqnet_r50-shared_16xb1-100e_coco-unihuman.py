# One copy of the mask, pose and attribute branches for all decoder layers, and
# two linear layers for an attribute: the parameters of the paper's table 7,
# within 0.1 million. The released code has a copy for each layer.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'
model = dict(
    bbox_head=dict(
        task_heads=dict(
            mask=dict(share_branches=True),
            pose=dict(share_branches=True),
            gender=dict(share_branches=True, num_fcs=2),
            age=dict(share_branches=True, num_fcs=2))))
