# DINO on drawn people. mmdet's has 256 channels, whatever is asked for.
_base_ = [
    '../_base_/models/dino-cascade_r50.py',
    '../_base_/datasets/toy_unihuman.py', '../_base_/toy_runtime.py'
]

ffn = dict(feedforward_channels=512)
model = dict(
    detector=dict(
        num_queries=30,
        backbone=dict(
            depth=18,
            base_channels=32,
            frozen_stages=-1,
            norm_cfg=dict(requires_grad=True),
            norm_eval=False,
            init_cfg=None),
        neck=dict(in_channels=[64, 128, 256]),
        encoder=dict(num_layers=2, layer_cfg=dict(ffn_cfg=ffn)),
        decoder=dict(num_layers=3, layer_cfg=dict(ffn_cfg=ffn)),
        dn_cfg=dict(group_cfg=dict(num_dn_queries=20)),
        test_cfg=dict(max_per_img=30)))
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
