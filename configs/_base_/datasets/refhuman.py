# RefHuman: COCO's images with captions, points and scribbles.
_base_ = './loaders.py'

dataset_type = 'RefHumanDataset'
data_root = 'data/refhuman/'
backend_args = None
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'instances')

train_scales = [(side, 640) for side in range(360, 641, 40)]
train_pipeline = [
    dict(type='LoadImageFromFile', backend_args=backend_args),
    dict(type='LoadHumanAnnotations'),
    dict(type='SamplePrompt'),  # half of them text
    dict(type='RefRandomFlip', prob=0.5),
    dict(
        type='RandomChoice',
        transforms=[
            [
                dict(
                    type='RandomChoiceResize',
                    resize_type='RefResize',
                    scales=train_scales,
                    keep_ratio=True)
            ],
            [
                dict(
                    type='RandomChoiceResize',
                    resize_type='RefResize',
                    scales=[(400, 4200), (500, 4200), (600, 4200)],
                    keep_ratio=True),
                dict(
                    type='RefRandomCrop',
                    crop_type='absolute_range',
                    crop_size=(384, 600),
                    area_of_box=False),  # True: as released
                dict(
                    type='RandomChoiceResize',
                    resize_type='RefResize',
                    scales=train_scales,
                    keep_ratio=True)
            ]
        ]),
    dict(type='PackRefInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=backend_args),
    dict(type='SamplePrompt', random=False),
    dict(type='RefResize', scale=(640, 640), keep_ratio=True),
    # After resizing, so that the labels stay in the pixels of the photo.
    dict(type='LoadHumanAnnotations'),
    dict(type='PackRefInputs', meta_keys=meta_keys)
]

train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='RefHuman_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
        backend_args=backend_args))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='RefHuman_val.json',
        data_prefix=dict(img='images/'),
        pipeline=test_pipeline,
        backend_args=backend_args))
test_dataloader = val_dataloader

val_evaluator = dict(type='RefHumanMetric', backend_args=backend_args)
test_evaluator = val_evaluator
