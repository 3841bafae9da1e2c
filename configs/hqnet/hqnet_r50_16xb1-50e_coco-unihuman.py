# Half as long (figure A2).
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

train_cfg = dict(max_epochs=50)
param_scheduler = [
    dict(type='MultiStepLR', end=50, milestones=[40], gamma=0.1)
]
