# COCO-UniHuman v1: person boxes, masks, 17 keypoints, gender and age.
# Images are COCO's train2017 and val2017.
_base_ = './loaders.py'

dataset_type = 'CocoUniHumanDataset'
data_root = 'data/coco/'
backend_args = None

train_scales = [(480, 1333), (512, 1333), (544, 1333), (576, 1333),
                (608, 1333), (640, 1333), (672, 1333), (704, 1333),
                (736, 1333), (768, 1333), (800, 1333)]

train_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True, backend_args=backend_args),
    dict(type='LoadHumanAnnotations'),
    dict(type='HumanRandomFlip', prob=0.5),
    dict(
        type='RandomChoice',
        transforms=[[
            dict(
                type='RandomChoiceResize',
                resize_type='HumanResize',
                scales=train_scales,
                keep_ratio=True)
        ],
                    [
                        dict(
                            type='RandomChoiceResize',
                            resize_type='HumanResize',
                            scales=[(400, 4200), (500, 4200), (600, 4200)],
                            keep_ratio=True),
                        dict(
                            type='HumanRandomCrop',
                            crop_type='absolute_range',
                            crop_size=(384, 600),
                            allow_negative_crop=True),
                        dict(
                            type='RandomChoiceResize',
                            resize_type='HumanResize',
                            scales=train_scales,
                            keep_ratio=True)
                    ]]),
    dict(type='PhotoMetricDistortion'),  # released code only, not the paper
    dict(type='PackHumanInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=backend_args),
    dict(type='HumanResize', scale=(1333, 800), keep_ratio=True),
    # After resizing, so that the labels stay in the pixels of the photo.
    dict(type='LoadHumanAnnotations'),
    dict(
        type='PackHumanInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                   'scale_factor'))
]

train_dataloader = dict(
    batch_size=1,  # on each of 16 GPUs
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/coco_unihuman_train_v1.json',
        data_prefix=dict(img='train2017/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
        backend_args=backend_args))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/coco_unihuman_val_v1.json',
        data_prefix=dict(img='val2017/'),
        pipeline=test_pipeline,
        backend_args=backend_args))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='UniHumanMetric',
    ann_file=data_root + 'annotations/coco_unihuman_val_v1.json',
    metric=['box', 'mask', 'pose', 'gender', 'age'],
    exclude_small=True,  # *_AP_no_small is the AP of the paper's tables
    backend_args=backend_args)
test_evaluator = val_evaluator
