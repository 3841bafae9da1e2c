# The model of the demo on the videos of make_toy_videos.py.
_base_ = '../hqnet/hqnet_demo_r18_1xb4_toy-unihuman.py'

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

videos = 'data/toy_videos/'
test_dataloader = dict(
    _delete_=True,
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='TrackImgSampler'),
    dataset=dict(
        type='PoseTrack21Dataset',
        data_root=videos,
        ann_file='posetrack_mot/mot/val',
        data_prefix=dict(img_path=''),
        test_mode=True,
        pipeline=[
            dict(
                type='TransformBroadcaster',
                transforms=[
                    dict(type='LoadImageFromFile'),
                    dict(type='Resize', scale=(192, 128), keep_ratio=True),
                    dict(type='LoadTrackAnnotations')
                ]),
            dict(
                type='PackTrackInputs',
                meta_keys=('video_name', 'ignore_regions'))
        ]))
val_dataloader = test_dataloader
test_evaluator = dict(
    _delete_=True, type='PoseTrackMOTMetric', use_ignore_regions=True)
val_evaluator = test_evaluator
default_hooks = dict(
    visualization=dict(_delete_=True, type='TrackVisualizationHook'))
