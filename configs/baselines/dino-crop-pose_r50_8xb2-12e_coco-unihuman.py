# A detector, and mmpose's SimpleBaseline on each person's crop: a top-down
# cascade (table 2). mmpose's models need `make env-ops`.
_base_ = './dino_r50_8xb2-12e_coco-unihuman.py'

model = dict(
    crop_models=dict(
        pose=dict(
            type='CropPose',
            estimator=dict(
                type='TopdownPoseEstimator',
                backbone=_base_.model.detector.backbone,
                head=dict(
                    type='HeatmapHead',
                    in_channels=2048,
                    out_channels=17,
                    loss=dict(type='KeypointMSELoss', use_target_weight=True),
                    decoder=dict(
                        type='MSRAHeatmap',
                        input_size=(192, 256),
                        heatmap_size=(48, 64),
                        sigma=2))))))
val_evaluator = dict(metric=['box', 'pose'])
test_evaluator = val_evaluator
