# The toy model, narrower, for two CPU cores: the whole method in a few
# minutes. Poses in units of the box are learnt sooner (docs/lite.md).
_base_ = './hqnet_toy_r18_1xb4_toy-unihuman.py'
dims, num_heads, ffn_dims = 96, 3, 384
attention = dict(embed_dims=dims, num_heads=num_heads)
ffn = dict(embed_dims=dims, feedforward_channels=ffn_dims)
model = dict(
    neck=dict(out_channels=dims),
    encoder=dict(layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
    decoder=dict(
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)),
    positional_encoding=dict(num_feats=dims // 2),
    bbox_head=dict(
        embed_dims=dims,
        # Boxes would be the last to get better among so many tasks, and
        # scores learn how good they are. Attributes need little weight, and
        # with more they hold up boxes and poses.
        loss_cls=dict(_delete_=True, type='QualityFocalLoss', loss_weight=4.0),
        loss_bbox=dict(loss_weight=12.0),
        loss_iou=dict(loss_weight=5.0),
        task_heads=dict(
            mask=dict(
                num_points=512,
                loss_mask=dict(type='BinaryCrossEntropyLoss', loss_weight=6.5),
                loss_dice=dict(
                    type='DiceLoss',
                    naive_dice=True,
                    eps=1.0,
                    loss_weight=4.25)),
            pose=dict(
                relative_to_box=True,
                denoise=True,
                loss_kpt=dict(loss_weight=110.0),
                loss_oks=dict(loss_weight=4.5),
                refine=dict(
                    read_person=True,
                    loss_kpt=dict(loss_weight=160.0),
                    loss_oks=dict(loss_weight=6.0),
                    num_heads=num_heads,
                    feedforward_channels=ffn_dims),
                heatmap=dict(
                    num_heads=num_heads, feedforward_channels=ffn_dims)),
            gender=dict(
                loss=dict(type='BinaryCrossEntropyLoss', loss_weight=0.45)),
            age=dict(num_fcs=2, loss=dict(loss_weight=0.2)))))

max_iters = 1800
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 3)
optim_wrapper = dict(
    # a short training, a short memory
    optimizer=dict(lr=0.0016, betas=(0.9, 0.99)))
_base_.param_scheduler[1].end = max_iters
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = [dict(type='ProgressHook'), dict(type='PreviewHook')]
