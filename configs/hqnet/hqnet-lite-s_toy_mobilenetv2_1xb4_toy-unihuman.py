# HQNet-Lite-s, about as much smaller as the demo's model is than HQNet, for a
# comparison of the two on drawn people.
_base_ = [
    '../_base_/models/hqnet-lite-s_mobilenetv2.py',
    '../_base_/datasets/toy_unihuman.py', '../_base_/toy_runtime.py'
]
dims, num_heads, ffn_dims = 64, 2, 256
attention = dict(embed_dims=dims, num_heads=num_heads)
ffn = dict(embed_dims=dims, feedforward_channels=ffn_dims)
model = dict(
    num_queries=10,
    backbone=dict(
        widen_factor=0.5,
        frozen_stages=-1,  # learnt from random weights
        norm_eval=False,
        init_cfg=None),
    neck=dict(
        in_channels=[16, 16, 48, 160],
        out_channels=dims,
        num_heads=num_heads,
        feedforward_channels=128),
    encoder=dict(layer_cfg=dict(self_attn_cfg=attention)),
    decoder=dict(
        num_layers=2,
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)),
    positional_encoding=dict(num_feats=dims // 2),
    pixel_embedding=dict(in_channels=16),
    bbox_head=dict(
        embed_dims=dims,
        loss_cls=dict(
            _delete_=True, type='QualityFocalLoss', loss_weight=4.0),
        loss_bbox=dict(loss_weight=12.0),
        loss_iou=dict(loss_weight=5.0),
        task_heads=dict(
            pose=dict(
                refine=dict(
                    num_layers=1,
                    num_heads=num_heads,
                    feedforward_channels=ffn_dims),
                heatmap=dict(num_heads=num_heads, feedforward_channels=128)),
            age=dict(loss=dict(type='MeanVarianceLoss', loss_weight=0.35)))),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=20)),
    test_cfg=dict(max_per_img=10))

# More steps than the demo's, each of a smaller model.
max_iters = 2300
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 2)
optim_wrapper = dict(
    # a short training, a short memory
    optimizer=dict(lr=0.0016, betas=(0.9, 0.99)))
_base_.param_scheduler[1].end = max_iters
default_hooks = dict(
    checkpoint=dict(interval=max_iters), logger=dict(interval=25))
custom_hooks = [dict(type='ProgressHook')]
visualizer = dict(min_side=480)  # labels on small images stay readable
