# Mask R-CNN on drawn people.
_base_ = [
    '../_base_/models/mask-rcnn_r50.py', '../_base_/datasets/toy_unihuman.py',
    '../_base_/toy_runtime.py'
]

extractor = dict(out_channels=64)
model = dict(
    detector=dict(
        backbone=dict(
            depth=18,
            base_channels=32,
            frozen_stages=-1,
            norm_eval=False,
            init_cfg=None),
        neck=dict(in_channels=[32, 64, 128, 256], out_channels=64),
        rpn_head=dict(
            in_channels=64,
            feat_channels=64,
            anchor_generator=dict(scales=[4])),  # small images
        roi_head=dict(
            bbox_roi_extractor=extractor,
            mask_roi_extractor=extractor,
            bbox_head=dict(in_channels=64, fc_out_channels=256),
            mask_head=dict(in_channels=64, conv_out_channels=64)),
        test_cfg=dict(rpn=dict(max_per_img=200))))
val_evaluator = dict(metric=['box', 'mask'])
test_evaluator = val_evaluator
