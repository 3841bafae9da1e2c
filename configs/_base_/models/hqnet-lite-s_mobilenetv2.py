# The smaller HQNet-Lite: MobileNetV2, 128 channels, three decoder layers.
_base_ = './hqnet-lite-m_r18.py'
attention = dict(embed_dims=128)
ffn = dict(embed_dims=128, feedforward_channels=512)
model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),
        frozen_stages=2,
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='open-mmlab://mmdet/mobilenet_v2')),
    neck=dict(
        _delete_=True,
        type='HybridEncoder',
        in_channels=[24, 32, 96, 320],
        out_channels=128),
    encoder=dict(layer_cfg=dict(self_attn_cfg=attention)),
    decoder=dict(
        num_layers=3,
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)),
    positional_encoding=dict(num_feats=64),
    pixel_embedding=dict(in_channels=24),
    bbox_head=dict(
        embed_dims=128,
        task_heads=dict(
            pose=dict(
                refine=dict(feedforward_channels=512),
                heatmap=dict(feedforward_channels=256)))))
