# HQNet-Lite (ours, not the paper's): a light backbone, a hybrid encoder in the
# neck in place of the deformable one, fewer decoder layers, narrow masks.
# Poses are learnt in units of the box and by the denoising queries too, and
# detection weighs more: short trainings are enough. This is the larger one.
_base_ = './hqnet_r50.py'
attention = dict(embed_dims=256, num_levels=3)
ffn = dict(embed_dims=256, feedforward_channels=1024)
model = dict(
    num_queries=100,
    num_feature_levels=3,
    data_preprocessor=dict(pad_size_divisor=32),  # maps half the size
    backbone=dict(
        depth=18,
        init_cfg=dict(
            checkpoint='https://download.pytorch.org/models/'
            'resnet18-f37072fd.pth')),
    neck=dict(
        _delete_=True,
        type='HybridEncoder',
        in_channels=[64, 128, 256, 512],
        out_channels=256,
        feedforward_channels=1024),
    encoder=dict(num_layers=0, layer_cfg=dict(self_attn_cfg=attention)),
    decoder=dict(
        num_layers=4,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=256),
            cross_attn_cfg=attention,
            ffn_cfg=ffn)),
    pixel_embedding=dict(type='PixelEmbedding', in_channels=64, mask_dims=64),
    bbox_head=dict(
        loss_cls=dict(loss_weight=4.0),
        task_heads=dict(
            # Their gradients would be several times those of the boxes.
            mask=dict(
                mask_dims=64,
                num_points=1024,
                cost_mask=4.0,
                cost_dice=2.5,
                loss_mask=dict(
                    type='BinaryCrossEntropyLoss', loss_weight=3.0),
                loss_dice=dict(
                    type='DiceLoss',
                    naive_dice=True,
                    eps=1.0,
                    loss_weight=2.5)),
            pose=dict(
                hidden_dims=256,
                relative_to_box=True,
                denoise=True,
                visibility=dict(type='CrossEntropyLoss', use_sigmoid=True),
                refine=dict(
                    type='PoseRefinementDecoder',
                    num_levels=3,
                    read_person=True,
                    feedforward_channels=1024,
                    dropout=0.0),
                heatmap=dict(
                    type='KeypointHeatmap',
                    feedforward_channels=512,
                    dropout=0.0)))),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=60)),
    train_cfg=dict(
        assigner=dict(
            match_costs=[
                dict(type='FocalLossCost', weight=4.0),
                dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
                dict(type='IoUCost', iou_mode='giou', weight=2.0)
            ])))
