# HQNet-Lite on drawn people, for a comparison with hqnet_toy.
_base_ = [
    '../_base_/models/hqnet-lite-s_mobilenetv2.py',
    '../_base_/datasets/toy_unihuman.py', '../_base_/toy_runtime.py'
]
model = dict(
    num_queries=30,
    backbone=dict(
        frozen_stages=-1,  # learnt from random weights
        norm_eval=False,
        init_cfg=None),
    bbox_head=dict(
        loss_bbox=dict(loss_weight=7.0),
        loss_iou=dict(loss_weight=3.0),
        task_heads=dict(
            age=dict(loss=dict(type='MeanVarianceLoss', loss_weight=0.35)))),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=20)),
    test_cfg=dict(max_per_img=30))

default_hooks = dict(logger=dict(interval=25))
visualizer = dict(min_side=480)  # labels on small images stay readable
