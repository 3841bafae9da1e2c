# UniPHD with ResNet-50: two classes, positions in the residual, the pooler's
# sentence, as released.
_base_ = './resnet50.py'

model = dict(
    type='UniPHD',
    num_queries=20,
    data_preprocessor=dict(
        pad_mask=True, pad_size_divisor=16),  # masks double their size twice
    neck=dict(
        type='ChannelMapper',
        in_channels=[512, 1024, 2048],
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
        type='PromptEncoder', text_dims=768, point_dims=1024, dropout=0.1),
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
        mask_head=dict(refine_dims=(256, 512))))
