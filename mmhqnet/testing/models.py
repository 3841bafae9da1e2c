"""The whole method at a hundredth of its size."""
import copy

import torch

from mmhqnet.registry import MODELS

DIMS = 32
TASK_HEADS = dict(
    mask=dict(type='MaskHead', num_points=200),
    pose=dict(
        type='PoseHead',
        hidden_dims=DIMS,
        refine=dict(
            type='PoseRefinementDecoder',
            feedforward_channels=DIMS,
            dropout=0.0),
        heatmap=dict(
            type='KeypointHeatmap', feedforward_channels=DIMS, dropout=0.0)),
    gender=dict(type='GenderHead'),
    age=dict(type='AgeHead'),
    face=dict(type='FaceHead'))


def tiny_config(
        tasks=('mask', 'pose', 'gender', 'age'), num_queries=20,
        embed_dims=DIMS):
    """Config of a HQNet with 2 + 2 layers and some of ``TASK_HEADS``."""
    attention = dict(embed_dims=embed_dims, dropout=0.0)
    ffn = dict(embed_dims=embed_dims, feedforward_channels=DIMS, ffn_drop=0.0)
    return copy.deepcopy(
        dict(
            type='HQNet',
            num_queries=num_queries,
            with_box_refine=True,
            as_two_stage=True,
            data_preprocessor=dict(
                type='DetDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True,
                pad_mask=True),
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=8,
                frozen_stages=1,
                norm_cfg=dict(type='BN', requires_grad=False)),
            neck=dict(
                type='ChannelMapper',
                in_channels=[8, 16, 32, 64],
                kernel_size=1,
                out_channels=embed_dims,
                act_cfg=None,
                norm_cfg=dict(type='GN', num_groups=4),
                num_outs=5),
            pixel_embedding=dict(
                type='PixelEmbedding', norm_cfg=dict(type='GN', num_groups=4)),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
            decoder=dict(
                num_layers=2,
                return_intermediate=True,
                layer_cfg=dict(
                    self_attn_cfg=dict(attention, num_heads=4),
                    cross_attn_cfg=attention,
                    ffn_cfg=ffn),
                post_norm_cfg=None),
            positional_encoding=dict(
                num_feats=embed_dims // 2, normalize=True, temperature=20),
            bbox_head=dict(
                type='HQNetHead',
                embed_dims=embed_dims,
                num_classes=1,
                sync_cls_avg_factor=True,
                loss_cls=dict(
                    type='FocalLoss', use_sigmoid=True, loss_weight=1.0),
                loss_bbox=dict(type='L1Loss', loss_weight=5.0),
                loss_iou=dict(type='GIoULoss', loss_weight=2.0),
                task_heads={name: TASK_HEADS[name]
                            for name in tasks}),
            dn_cfg=dict(
                label_noise_scale=0.5,
                box_noise_scale=1.0,
                group_cfg=dict(dynamic=True, num_dn_queries=8)),
            train_cfg=dict(
                assigner=dict(
                    type='HumanQueryAssigner',
                    match_costs=[
                        dict(type='FocalLossCost', weight=1.0),
                        dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
                        dict(type='IoUCost', iou_mode='giou', weight=2.0)
                    ])),
            test_cfg=dict(max_per_img=10)))


def randomise(module, std=0.1):
    """Parameters as after training: no zeros, no symmetries."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter += std * noise.to(parameter.dtype)
    return module


def build_model(cfg=None, dtype=torch.float64, seed=0, std=0.1):
    """A model, by default the tiny one, with noise on all parameters."""
    torch.manual_seed(seed)
    model = MODELS.build(cfg or tiny_config())
    model.init_weights()
    return randomise(model, std).to(dtype)
