# Mask2Former on drawn people.
_base_ = [
    '../_base_/models/mask2former_r50.py',
    '../_base_/datasets/toy_unihuman.py', '../_base_/toy_runtime.py'
]

attention = dict(embed_dims=128)
ffn = dict(embed_dims=128, feedforward_channels=512)
model = dict(
    detector=dict(
        backbone=dict(
            depth=18,
            base_channels=32,
            norm_cfg=dict(requires_grad=True),
            norm_eval=False,
            init_cfg=None),
        panoptic_head=dict(
            in_channels=[32, 64, 128, 256],
            feat_channels=128,
            out_channels=128,
            num_queries=30,
            pixel_decoder=dict(
                encoder=dict(
                    num_layers=2,
                    layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
                positional_encoding=dict(num_feats=64)),
            positional_encoding=dict(num_feats=64),
            transformer_decoder=dict(
                num_layers=3,
                layer_cfg=dict(
                    self_attn_cfg=attention,
                    cross_attn_cfg=attention,
                    ffn_cfg=ffn))),
        train_cfg=dict(num_points=1024),
        test_cfg=dict(max_per_image=30)))
val_evaluator = dict(metric=['box', 'mask'])
test_evaluator = val_evaluator
