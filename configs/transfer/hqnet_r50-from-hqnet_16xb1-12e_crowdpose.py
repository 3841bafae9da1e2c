# CrowdPose's body from the model of COCO-UniHuman: the pose branches
# start anew, and backbone and encoder stay.
_base_ = '../hqnet/hqnet_r50_16xb1-100e_crowdpose.py'

train_cfg = dict(max_epochs=12, val_interval=1)
param_scheduler = [
    dict(type='MultiStepLR', end=12, milestones=[11], gamma=0.1)
]
load_from = 'work_dirs/hqnet_r50_16xb1-100e_coco-unihuman/epoch_100.pth'
custom_hooks = [
    dict(type='TransferHook'),
    dict(type='FreezeHook', modules=['backbone', 'encoder'])
]
