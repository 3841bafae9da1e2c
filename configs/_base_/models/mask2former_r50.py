# mmdet's Mask2Former, for persons alone.
_base_ = './resnet50.py'

attention = dict(embed_dims=256, num_heads=8, dropout=0.0, batch_first=True)
model = dict(
    _delete_=True,
    type='PersonCascade',
    data_preprocessor=dict(
        _base_.model.data_preprocessor, pad_mask=True, pad_size_divisor=32),
    detector=dict(
        type='Mask2Former',
        backbone=dict(_base_.model.backbone, frozen_stages=-1),
        panoptic_head=dict(
            type='Mask2FormerHead',
            in_channels=[256, 512, 1024, 2048],
            strides=[4, 8, 16, 32],
            feat_channels=256,
            out_channels=256,
            num_things_classes=1,
            num_stuff_classes=0,
            num_queries=100,
            num_transformer_feat_level=3,
            pixel_decoder=dict(
                type='MSDeformAttnPixelDecoder',
                num_outs=3,
                norm_cfg=dict(type='GN', num_groups=32),
                act_cfg=dict(type='ReLU'),
                encoder=dict(
                    num_layers=6,
                    layer_cfg=dict(
                        self_attn_cfg=dict(
                            num_levels=3, num_points=4, **attention),
                        ffn_cfg=dict(
                            embed_dims=256,
                            feedforward_channels=1024,
                            ffn_drop=0.0))),
                positional_encoding=dict(num_feats=128, normalize=True)),
            enforce_decoder_input_project=False,
            positional_encoding=dict(num_feats=128, normalize=True),
            transformer_decoder=dict(
                return_intermediate=True,
                num_layers=9,
                layer_cfg=dict(
                    self_attn_cfg=attention,
                    cross_attn_cfg=attention,
                    ffn_cfg=dict(
                        embed_dims=256,
                        feedforward_channels=2048,
                        ffn_drop=0.0))),
            loss_cls=dict(
                type='CrossEntropyLoss',
                use_sigmoid=False,
                loss_weight=2.0,
                class_weight=[1.0, 0.1]),  # person, none
            loss_mask=dict(
                type='CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0),
            loss_dice=dict(
                type='DiceLoss',
                use_sigmoid=True,
                activate=True,
                naive_dice=True,
                eps=1.0,
                loss_weight=5.0)),
        panoptic_fusion_head=dict(
            type='MaskFormerFusionHead',
            num_things_classes=1,
            num_stuff_classes=0),
        train_cfg=dict(
            num_points=12544,
            oversample_ratio=3.0,
            importance_sample_ratio=0.75,
            assigner=dict(
                type='HungarianAssigner',
                match_costs=[
                    dict(type='ClassificationCost', weight=2.0),
                    dict(
                        type='CrossEntropyLossCost',
                        weight=5.0,
                        use_sigmoid=True),
                    dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0)
                ]),
            sampler=dict(type='MaskPseudoSampler')),
        test_cfg=dict(
            panoptic_on=False,
            semantic_on=False,
            instance_on=True,
            max_per_image=100,
            iou_thr=0.8)))
