# UniPHD as released: two classes, positions in the residual, the pooler's
# sentence.
model = dict(
    type='UniPHD',
    num_queries=20,
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_mask=True,
        pad_size_divisor=16),  # masks double their size twice
    backbone=dict(
        type='SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        drop_path_rate=0.2,
        out_indices=(0, 1, 2, 3),
        convert_weights=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/'
            'download/v1.0.0/swin_tiny_patch4_window7_224.pth')),
    neck=dict(
        type='ChannelMapper',
        in_channels=[192, 384, 768],
        kernel_size=1,
        out_channels=256,
        act_cfg=None,
        norm_cfg=dict(type='GN', num_groups=32),
        bias=True,
        num_outs=4),
    text_encoder=dict(
        type='HFTextEncoder',
        name_or_path='roberta-base',  # or a folder
        config=dict(  # its layers are built without the network
            vocab_size=50265,
            max_position_embeddings=514,
            type_vocab_size=1,
            layer_norm_eps=1e-5),
        max_length=64,  # released code: not cut
        pooling='pooler'),
    prompt_encoder=dict(
        type='PromptEncoder', text_dims=768, point_dims=384, dropout=0.1),
    fusion=dict(type='PromptFusion'),
    encoder=dict(
        num_layers=6,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=256, num_levels=4, dropout=0.0),
            ffn_cfg=dict(
                embed_dims=256, feedforward_channels=2048, ffn_drop=0.0))),
    decoder=dict(
        num_layers=6,
        layer_cfg=dict(
            embed_dims=256,
            feedforward_channels=2048,
            position_in_residual=True)),
    positional_encoding=dict(
        num_feats=128, normalize=True, offset=0.0, temperature=20),
    bbox_head=dict(
        type='RefPoseMaskHead',
        num_classes=2,
        mask_head=dict(refine_dims=(96, 192))))
