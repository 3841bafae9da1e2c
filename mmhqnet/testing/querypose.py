"""QueryPose at a hundredth of its size."""
from mmengine.config import ConfigDict

from .models import DIMS


def tiny_querypose_config(num_stages=2, num_proposals=10, **pose_layer):
    """QueryPose, light and with group norm unless ``pose_layer`` says so."""
    return ConfigDict(
        type='QueryPose',
        data_preprocessor=dict(
            type='DetDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True),
        backbone=dict(
            type='ResNet',
            depth=18,
            base_channels=8,
            frozen_stages=1,
            norm_cfg=dict(type='BN', requires_grad=False)),
        neck=dict(
            type='FPN',
            in_channels=[8, 16, 32, 64],
            out_channels=DIMS,
            num_outs=4),
        rpn_head=dict(
            type='EmbeddingRPNHead',
            num_proposals=num_proposals,
            proposal_feature_channel=DIMS),
        roi_head=dict(
            type='QueryPoseHead',
            num_stages=num_stages,
            stage_loss_weights=[1] * num_stages,
            part_dims=16,
            bbox_roi_extractor=dict(type='RegionExtractor', output_size=4),
            pose_extractor=dict(
                type='RegionExtractor', output_size=6, strides=[4]),
            bbox_head=dict(
                type='DIIHead',
                num_classes=1,
                in_channels=DIMS,
                feedforward_channels=DIMS,
                dynamic_conv_cfg=dict(
                    type='DynamicConv',
                    in_channels=DIMS,
                    feat_channels=8,
                    input_feat_shape=4),
                bbox_coder=dict(
                    type='DeltaXYWHBBoxCoder',
                    clip_border=False,
                    target_stds=[0.5, 0.5, 1., 1.]),
                loss_cls=dict(
                    type='FocalLoss', use_sigmoid=True, loss_weight=2.0),
                loss_bbox=dict(type='L1Loss', loss_weight=5.0),
                loss_iou=dict(type='GIoULoss', loss_weight=2.0)),
            pose_layer={
                **dict(
                    type='QueryPoseLayer',
                    interact=False,
                    embed_dims=DIMS,
                    conv_channels=[DIMS],
                    feedforward_channels=DIMS,
                    norm_cfg=dict(type='GN', num_groups=4)),
                **pose_layer
            }),
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
        test_cfg=dict(rpn=None, rcnn=dict(max_per_img=8)))
