# Poses are refined by QueryPose's part queries instead of a decoder.
_base_ = '../hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py'
model = dict(
    bbox_head=dict(
        task_heads=dict(
            pose=dict(refine=dict(_delete_=True, type='PartQueryRefiner')))))
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={'loss_kpt.flow': dict(lr_mult=10)}))
