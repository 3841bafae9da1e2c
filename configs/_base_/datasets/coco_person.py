# Persons of any file in COCO's format: their boxes, and masks and 17 keypoints
# of those who have them. For photos of about 400 pixels.
_base_ = './loaders.py'

dataset_type = 'CocoUniHumanDataset'
data_root = 'data/coco_person/'

crop = dict(type='HumanRandomCrop', crop_type='relative')
train_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True),
    dict(type='LoadHumanAnnotations', with_attributes=False),
    dict(type='HumanRandomFlip', prob=0.5),
    # Persons grow by crops: all images of a batch keep one size.
    dict(
        type='RandomChoice',
        transforms=[[], [dict(crop, crop_size=(0.8, 0.8))],
                    [dict(crop, crop_size=(0.65, 0.65))],
                    [dict(crop, crop_size=(0.5, 0.5))]],
        prob=[0.4, 0.2, 0.2, 0.2]),
    dict(type='HumanResize', scale=(256, 256), keep_ratio=True),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackHumanInputs')
]
# Larger than in training, where persons were cropped.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='HumanResize', scale=(384, 384), keep_ratio=True),
    dict(type='LoadHumanAnnotations', with_attributes=False),
    dict(
        type='PackHumanInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                   'scale_factor'))
]

train_dataloader = dict(
    batch_size=4,
    num_workers=0,  # small images; the core is the network's
    persistent_workers=False,
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='train.json',
        data_prefix=dict(img='images/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='val.json',
        data_prefix=dict(img='images/'),
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='UniHumanMetric',
    ann_file=data_root + 'val.json',
    metric=['box', 'mask', 'pose'])
test_evaluator = val_evaluator
