# Drawn people in COCO-UniHuman format, written by
# tools/dataset_converters/make_toy_unihuman.py. Everybody in the validation
# set is labelled.
_base_ = './loaders.py'

dataset_type = 'CocoUniHumanDataset'
data_root = 'data/toy_unihuman/'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadHumanAnnotations'),
    dict(type='HumanRandomFlip', prob=0.5),
    dict(type='PackHumanInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='HumanResize', scale=(128, 128), keep_ratio=True),
    # After resizing, so that the labels stay in the pixels of the picture.
    dict(type='LoadHumanAnnotations'),
    dict(
        type='PackHumanInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                   'scale_factor'))
]

train_dataloader = dict(
    batch_size=4,
    num_workers=0,  # small images; every core is the network's
    persistent_workers=False,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/toy_unihuman_train.json',
        data_prefix=dict(img='images/train/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/toy_unihuman_val.json',
        data_prefix=dict(img='images/val/'),
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='UniHumanMetric',
    ann_file=data_root + 'annotations/toy_unihuman_val.json',
    metric=['box', 'mask', 'pose', 'gender', 'age'])
test_evaluator = val_evaluator
