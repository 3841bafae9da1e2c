# The larger HQNet-Lite: ResNet-18, 256 channels, four decoder layers.
_base_ = './hqnet-lite-s_mobilenetv2.py'
attention = dict(embed_dims=256)
ffn = dict(embed_dims=256, feedforward_channels=1024)
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/'
            'resnet18-f37072fd.pth')),
    neck=dict(
        in_channels=[64, 128, 256, 512],
        out_channels=256,
        feedforward_channels=1024),
    encoder=dict(layer_cfg=dict(self_attn_cfg=attention)),
    decoder=dict(
        num_layers=4,
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)),
    positional_encoding=dict(num_feats=128),
    pixel_embedding=dict(in_channels=64),
    bbox_head=dict(
        embed_dims=256,
        task_heads=dict(
            pose=dict(
                refine=dict(feedforward_channels=1024),
                heatmap=dict(feedforward_channels=512)))))
