# A few photos learnt by heart, through windows as make_toy_videos.py --photos
# moves over them: a detector for clips in which only identities are hard.
_base_ = [
    '../_base_/models/hqnet-lite-s_mobilenetv2.py',
    '../_base_/datasets/coco_person.py', '../_base_/toy_runtime.py'
]
model = dict(
    backbone=dict(init_cfg=None),  # all from load_from
    bbox_head=dict(task_heads=dict(gender=None, age=None)))

photos = 'tests/data/coco_ccby/'
ann_file = 'person_keypoints.json'
train_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True),
    dict(type='LoadHumanAnnotations', with_attributes=False),
    dict(
        type='HumanRandomCrop', crop_type='absolute', crop_size=(320, 320)),
    dict(type='PackHumanInputs')
]
train_dataloader = dict(
    batch_sampler=None,
    sampler=dict(_delete_=True, type='InfiniteSampler'),
    dataset=dict(
        data_root=photos, ann_file=ann_file, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=photos, ann_file=ann_file))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=photos + ann_file)
test_evaluator = val_evaluator

max_iters = 3000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    optimizer=dict(lr=0.0006),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.5))))
_base_.param_scheduler[0].end = 50
_base_.param_scheduler[1].update(begin=50, end=max_iters)
custom_hooks = [dict(type='ProgressHook')]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))
load_from = 'mmhqnet/weights/hqnet-lite-s_mobilenetv2_coco-person-1c658d74.pth'
