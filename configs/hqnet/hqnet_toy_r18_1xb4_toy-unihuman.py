# The whole method, small enough to learn drawn people on a CPU in minutes.
_base_ = [
    '../_base_/models/hqnet_r50.py', '../_base_/datasets/toy_unihuman.py',
    '../_base_/toy_runtime.py'
]
attention = dict(embed_dims=128)
ffn = dict(embed_dims=128, feedforward_channels=512)
model = dict(
    num_queries=30,
    backbone=dict(
        depth=18,
        base_channels=32,
        frozen_stages=-1,  # learnt from random weights
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=128),
    encoder=dict(
        num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
    decoder=dict(
        num_layers=3,
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)),
    positional_encoding=dict(num_feats=64),
    bbox_head=dict(
        embed_dims=128,
        # A short training has to settle early which query is whose, and
        # has no time for poses to come last.
        loss_cls=dict(loss_weight=4.0),
        loss_bbox=dict(loss_weight=7.0),
        loss_iou=dict(loss_weight=3.0),
        task_heads=dict(
            mask=dict(num_points=1024),
            pose=dict(
                hidden_dims=256,
                visibility=dict(type='CrossEntropyLoss', use_sigmoid=True),
                loss_kpt=dict(type='L1Loss', loss_weight=80.0),
                loss_oks=dict(type='OKSLoss', loss_weight=3.0),
                refine=dict(
                    type='PoseRefinementDecoder',
                    feedforward_channels=512,
                    dropout=0.0,
                    loss_kpt=dict(type='L1Loss', loss_weight=120.0),
                    loss_oks=dict(type='OKSLoss', loss_weight=4.0)),
                heatmap=dict(
                    type='KeypointHeatmap',
                    feedforward_channels=512,
                    dropout=0.0)),
            age=dict(loss=dict(type='MeanVarianceLoss', loss_weight=0.35)))),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=20)),
    train_cfg=dict(
        assigner=dict(match_costs=[
            dict(type='FocalLossCost', weight=5.0),
            dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
            dict(type='IoUCost', iou_mode='giou', weight=2.0)
        ])),
    test_cfg=dict(max_per_img=30))

default_hooks = dict(logger=dict(interval=25))
visualizer = dict(min_side=480)  # labels on small images stay readable
