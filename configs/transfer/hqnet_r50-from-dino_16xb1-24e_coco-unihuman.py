# All tasks from mmdet's DINO for 80 classes, made a start by
# tools/model_converters/dino_to_mmhqnet.py.
_base_ = '../hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py'

train_cfg = dict(max_epochs=24)
param_scheduler = [
    dict(type='MultiStepLR', end=24, milestones=[20], gamma=0.1)
]
load_from = 'dino_as_hqnet.pth'
custom_hooks = [dict(type='TransferHook')]
