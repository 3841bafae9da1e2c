# A few photos learnt by heart, through windows as make_toy_videos.py --photos
# moves over them, and with them a made-up gender and age of each person: a
# detector for these clips, whose queries tell persons apart.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
model = dict(
    num_queries=150,
    # Group norm is the same in training and test.
    backbone=dict(
        norm_cfg=dict(
            _delete_=True, type='GN', num_groups=16, requires_grad=True)),
    bbox_head=dict(
        loss_bbox=dict(loss_weight=12.0),
        loss_iou=dict(loss_weight=5.0),
        task_heads=dict(
            mask=None, pose=None, age=dict(loss=dict(loss_weight=0.3)))),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=100)),
    test_cfg=dict(max_per_img=100))

images = 'tests/data/coco_ccby/images/'
ann_file = 'data/panned/photos.json'  # by make_toy_videos.py
photos = dict(
    type='CocoUniHumanDataset',
    ann_file=ann_file,
    data_prefix=dict(img=images),
    pipeline=[
        dict(type='LoadImageFromFile', to_float32=True),
        dict(type='LoadHumanAnnotations'),
        dict(
            type='HumanRandomCrop',
            crop_type='absolute',
            crop_size=(480, 360)),
        dict(type='HumanResize', scale=(240, 240), keep_ratio=True),
        dict(type='PackHumanInputs')
    ])
crowds = dict(photos, indices=[0, 3, 6, 12])  # most persons, seen twice
train_dataloader = dict(
    sampler=dict(_delete_=True, type='InfiniteSampler'),
    dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[photos, crowds]))
_base_.test_pipeline[1].scale = (320, 320)  # persons of the same size
val_dataloader = dict(
    batch_size=1,
    dataset=dict(
        data_root='',
        ann_file=ann_file,
        data_prefix=dict(img=images),
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=ann_file, metric=['box', 'gender', 'age'])
test_evaluator = val_evaluator

max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=500)
# a short training, a short memory
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.99)))
_base_.param_scheduler[1].end = max_iters
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))
custom_hooks = [dict(type='ProgressHook')]
