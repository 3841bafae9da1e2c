# PoseTrack21, multi-object tracking: validation and test only, as HQNet
# tracks without training on videos (arXiv 2312.05525, sec. 4). Layout, in
# data/posetrack21/:
#   images/val/<sequence>/000000.jpg
#   posetrack_mot/mot/val/<sequence>/{image_info.json,gt/gt.txt}
dataset_type = 'PoseTrack21Dataset'
data_root = 'data/posetrack21/'
backend_args = None

test_pipeline = [
    dict(
        type='TransformBroadcaster',
        transforms=[
            dict(type='LoadImageFromFile', backend_args=backend_args),
            dict(type='Resize', scale=(1333, 800), keep_ratio=True),
            dict(type='LoadTrackAnnotations')
        ]),
    dict(type='PackTrackInputs', meta_keys=('video_name', 'ignore_regions'))
]

val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    # frame by frame; all frames of a video go to the same process
    sampler=dict(type='TrackImgSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='posetrack_mot/mot/val',
        data_prefix=dict(img_path=''),
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args))
test_dataloader = val_dataloader

# The paper does not say whether it used ignore regions; the evaluation kit
# leaves them out unless told otherwise.
val_evaluator = dict(type='PoseTrackMOTMetric', use_ignore_regions=False)
test_evaluator = val_evaluator
