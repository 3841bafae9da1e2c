# HQNet with ResNet-18; not in the paper.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

model = dict(
    backbone=dict(
        depth=18,
        init_cfg=dict(checkpoint='https://download.pytorch.org/models/'
                      'resnet18-f37072fd.pth')),
    neck=dict(in_channels=[64, 128, 256, 512]))
