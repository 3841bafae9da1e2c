# UniPHD small enough to learn drawn people on a CPU in minutes, with gender
# and age.
_base_ = [
    '../_base_/models/uniphd_swin-t.py', '../_base_/datasets/toy_refhuman.py',
    '../_base_/toy_runtime.py'
]
model = dict(
    num_queries=6,
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        base_channels=32,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,  # learnt from random weights
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        style='pytorch'),
    neck=dict(in_channels=[64, 128, 256], out_channels=128),
    text_encoder=dict(
        _delete_=True,
        type='HashTextEncoder',
        embed_dims=128,
        num_words=1024,
        num_layers=1,
        num_heads=4),
    prompt_encoder=dict(embed_dims=128, text_dims=128, point_dims=128),
    fusion=dict(embed_dims=128),
    encoder=dict(
        num_layers=2,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=128),
            ffn_cfg=dict(embed_dims=128, feedforward_channels=512))),
    decoder=dict(
        num_layers=3, layer_cfg=dict(embed_dims=128,
                                     feedforward_channels=512)),
    positional_encoding=dict(num_feats=64),
    bbox_head=dict(
        embed_dims=128,
        mask_head=dict(refine_dims=(32, 64)),
        # A short training has no time for masks to come after poses.
        weights=dict(
            loss_cls=4.0,
            loss_kpt=4.0,
            loss_mask=4.0,
            loss_dice=8.0,
            loss_mask_low=4.0,
            loss_dice_low=8.0),
        attributes=dict(
            gender=dict(type='GenderHead'), age=dict(type='AgeHead'))))

max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=0.0005))
_base_.param_scheduler[1].end = max_iters
default_hooks = dict(
    logger=dict(interval=25), checkpoint=dict(interval=max_iters))
