# Mask2Former for persons alone (table 2).
_base_ = [
    '../_base_/models/mask2former_r50.py',
    '../_base_/datasets/coco_unihuman.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=2)
val_evaluator = dict(metric=['box', 'mask'])
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=50)
no_decay = dict(decay_mult=0.0)
optim_wrapper = dict(
    optimizer=dict(weight_decay=0.05),
    clip_grad=dict(max_norm=0.01),
    paramwise_cfg=dict(
        custom_keys=dict(
            query_embed=no_decay, query_feat=no_decay, level_embed=no_decay),
        norm_decay_mult=0.0))
param_scheduler = [dict(type='MultiStepLR', milestones=[44, 48], gamma=0.1)]
