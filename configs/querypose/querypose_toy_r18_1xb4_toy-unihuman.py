# QueryPose, small enough to learn drawn people on a CPU in minutes.
_base_ = [
    '../_base_/models/querypose_r50.py', '../_base_/datasets/toy_unihuman.py',
    '../_base_/toy_runtime.py'
]
dims = 128
num_stages = 3
model = dict(
    backbone=dict(
        depth=18,
        base_channels=32,
        frozen_stages=-1,  # learnt from random weights
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=dims),
    rpn_head=dict(num_proposals=10, proposal_feature_channel=dims),
    roi_head=dict(
        num_stages=num_stages,
        stage_loss_weights=[1] * num_stages,
        part_dims=64,
        # Boxes first: a pose is worth no more than the box that it sits in.
        loss_kpt=dict(loss_weight=0.4),
        bbox_roi_extractor=dict(strides=[4, 8], sampling_ratio=1),
        pose_extractor=dict(
            type='RegionExtractor',
            output_size=8,
            strides=[4],
            sampling_ratio=1),
        bbox_head=dict(
            in_channels=dims,
            feedforward_channels=512,
            dynamic_conv_cfg=dict(
                in_channels=dims, feat_channels=32, out_channels=dims)),
        pose_layer=dict(
            interact=False,
            embed_dims=dims,
            conv_channels=[64, 64],
            feedforward_channels=256,
            # Few persons are matched, and only their poses are computed.
            norm_cfg=dict(type='GN', num_groups=8))),
    test_cfg=dict(rcnn=dict(max_per_img=10)))

val_evaluator = dict(metric=['box', 'pose'])
test_evaluator = val_evaluator

max_iters = 3600  # 15 minutes of two cores
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 2)
optim_wrapper = dict(optimizer=dict(lr=7e-4))
_base_.param_scheduler[1].end = max_iters
default_hooks = dict(
    logger=dict(interval=25), checkpoint=dict(interval=max_iters))
visualizer = dict(min_side=480)  # labels on small images stay readable
