# Poses from crops of drawn people.
_base_ = './dino_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    crop_models=dict(
        pose=dict(
            type='CropPose',
            estimator=dict(
                type='TopdownPoseEstimator',
                backbone=dict(type='ResNet', depth=18, base_channels=32),
                head=dict(
                    type='HeatmapHead',
                    in_channels=256,
                    out_channels=17,
                    deconv_out_channels=(64, 64, 64),
                    loss=dict(type='KeypointMSELoss', use_target_weight=True),
                    decoder=dict(
                        type='MSRAHeatmap',
                        input_size=(64, 96),
                        heatmap_size=(16, 24),
                        sigma=1))))))
val_evaluator = dict(metric=['box', 'pose'])
test_evaluator = val_evaluator
