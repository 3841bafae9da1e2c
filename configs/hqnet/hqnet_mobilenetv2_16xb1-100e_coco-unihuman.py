# HQNet with MobileNetV2; not in the paper. For light models see hqnet-lite.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),  # strides 4, 8, 16, 32
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True),
    neck=dict(in_channels=[24, 32, 96, 320]))
