# Drawn people with prompts, written by make_toy_unihuman.py and
# make_prompts.py in tools/dataset_converters.
_base_ = './loaders.py'

dataset_type = 'RefHumanDataset'
data_root = 'data/toy_unihuman/'
scale = (96, 96)
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'instances')

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadHumanAnnotations'),
    dict(type='SamplePrompt'),
    dict(type='RefResize', scale=scale, keep_ratio=True),
    dict(type='RefRandomFlip', prob=0.5),
    dict(type='PackRefInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='SamplePrompt', random=False),
    dict(type='RefResize', scale=scale, keep_ratio=True),
    # After resizing, so that the labels stay in the pixels of the photo.
    dict(type='LoadHumanAnnotations'),
    dict(type='PackRefInputs', meta_keys=meta_keys)
]

train_dataloader = dict(
    batch_size=4,
    num_workers=0,  # small images; every core is the network's
    persistent_workers=False,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/toy_refhuman_train.json',
        data_prefix=dict(img='images/train/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/toy_refhuman_val.json',
        data_prefix=dict(img='images/val/'),
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='RefHumanMetric')
test_evaluator = val_evaluator
