"""UniPHD at a hundredth of its size."""
import copy

DIMS = 32


def tiny_uniphd_config(num_queries=6, embed_dims=DIMS):
    """Config of a tiny UniPHD with words, gender and age."""
    return copy.deepcopy(
        dict(
            type='UniPHD',
            num_queries=num_queries,
            data_preprocessor=dict(
                type='DetDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True,
                pad_mask=True,
                pad_size_divisor=16),
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=8,
                frozen_stages=-1,
                norm_cfg=dict(type='BN', requires_grad=False),
                norm_eval=True),
            neck=dict(
                type='ChannelMapper',
                in_channels=[16, 32, 64],
                kernel_size=1,
                out_channels=embed_dims,
                act_cfg=None,
                norm_cfg=dict(type='GN', num_groups=4),
                bias=True,
                num_outs=4),
            text_encoder=dict(
                type='HashTextEncoder',
                embed_dims=16,
                num_words=64,
                num_layers=1,
                num_heads=2,
                dropout=0.0),
            prompt_encoder=dict(
                type='PromptEncoder',
                embed_dims=embed_dims,
                text_dims=16,
                point_dims=32,
                dropout=0.0),
            fusion=dict(
                type='PromptFusion', embed_dims=embed_dims, num_heads=4),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(
                    self_attn_cfg=dict(embed_dims=embed_dims, dropout=0.0),
                    ffn_cfg=dict(
                        embed_dims=embed_dims,
                        feedforward_channels=DIMS,
                        ffn_drop=0.0))),
            decoder=dict(
                num_layers=2,
                layer_cfg=dict(
                    embed_dims=embed_dims,
                    num_heads=4,
                    feedforward_channels=DIMS)),
            positional_encoding=dict(
                num_feats=embed_dims // 2, normalize=True, temperature=20),
            bbox_head=dict(
                type='RefPoseMaskHead',
                embed_dims=embed_dims,
                mask_head=dict(refine_dims=(8, 16)),
                attributes=dict(
                    gender=dict(type='GenderHead'), age=dict(
                        type='AgeHead')))))
