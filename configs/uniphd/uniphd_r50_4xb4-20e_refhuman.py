_base_ = './uniphd_swin-t_4xb4-20e_refhuman.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/'
            'resnet50-0676ba61.pth')),
    neck=dict(in_channels=[512, 1024, 2048]),
    prompt_encoder=dict(point_dims=1024),
    bbox_head=dict(mask_head=dict(refine_dims=(256, 512))))
