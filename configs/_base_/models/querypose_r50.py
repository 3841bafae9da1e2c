# QueryPose, NeurIPS 2022, full version: Sparse R-CNN with a pose per stage.
_base_ = './resnet50.py'

num_stages = 6
model = dict(
    type='QueryPose',
    data_preprocessor=dict(pad_size_divisor=32),
    neck=dict(
        type='FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        num_outs=4),
    rpn_head=dict(
        type='EmbeddingRPNHead',
        num_proposals=100,
        proposal_feature_channel=256),
    roi_head=dict(
        type='QueryPoseHead',
        num_stages=num_stages,
        stage_loss_weights=[1] * num_stages,
        num_keypoints=17,
        bbox_roi_extractor=dict(type='RegionExtractor', output_size=7),
        bbox_head=dict(
            type='DIIHead',
            num_classes=1,
            num_ffn_fcs=2,
            num_heads=8,
            num_cls_fcs=1,
            num_reg_fcs=3,
            feedforward_channels=2048,
            in_channels=256,
            dropout=0.0,
            ffn_act_cfg=dict(type='ReLU', inplace=True),
            dynamic_conv_cfg=dict(
                type='DynamicConv',
                in_channels=256,
                feat_channels=64,
                out_channels=256,
                input_feat_shape=7,
                act_cfg=dict(type='ReLU', inplace=True),
                norm_cfg=dict(type='LN')),
            bbox_coder=dict(
                type='DeltaXYWHBBoxCoder',
                clip_border=False,
                target_means=[0., 0., 0., 0.],
                target_stds=[0.5, 0.5, 1., 1.],
                wh_ratio_clip=16 / 1e5),  # mmdet: 16 / 1000
            loss_cls=dict(
                type='FocalLoss',
                use_sigmoid=True,
                gamma=2.0,
                alpha=0.25,
                loss_weight=2.0),
            loss_bbox=dict(type='L1Loss', loss_weight=5.0),
            loss_iou=dict(type='GIoULoss', loss_weight=2.0)),
        pose_layer=dict(type='QueryPoseLayer', interact=True),
        loss_kpt=dict(type='ResidualLogLikelihoodLoss', loss_weight=1.0)),
    train_cfg=dict(
        rpn=None,
        rcnn=dict(
            assigner=dict(
                type='HumanQueryAssigner',
                match_costs=[
                    dict(type='FocalLossCost', weight=2.0, eps=1e-8),
                    dict(type='BBoxL1Cost', weight=5.0, box_format='xyxy'),
                    dict(type='IoUCost', iou_mode='giou', weight=2.0)
                ]))),
    test_cfg=dict(rpn=None, rcnn=dict(max_per_img=100)))
