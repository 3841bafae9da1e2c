# HQNet with ConvNeXt-T; not in the paper. The release's weights load by name.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

pretrained = 'https://dl.fbaipublicfiles.com/convnext/convnext_tiny_1k_224_ema.pth'  # noqa: E501
model = dict(
    backbone=dict(
        _delete_=True,
        type='ConvNeXtBackbone',
        drop_path_rate=0.4,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    neck=dict(in_channels=[96, 192, 384, 768]))
