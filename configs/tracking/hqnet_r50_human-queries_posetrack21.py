# HQNet tracks by its human queries, without training on videos: table 5 of
# the paper. The paper does not give the settings of DeepSORT.
_base_ = [
    '../_base_/models/hqnet_r50.py', '../_base_/datasets/posetrack21_mot.py',
    '../_base_/default_runtime.py'
]

detector = _base_.model
normalisation = detector.pop('data_preprocessor')
detector.test_cfg.with_queries = True
del _base_.model

model = dict(
    type='DeepSORT',
    data_preprocessor=dict(
        type='TrackDataPreprocessor',
        mean=normalisation.mean,
        std=normalisation.std,
        bgr_to_rgb=True,
        pad_size_divisor=1),
    detector=detector,
    tracker=dict(type='HumanQueryTracker'))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    visualization=dict(_delete_=True, type='TrackVisualizationHook'))
