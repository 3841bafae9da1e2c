# The photos of the tests learnt by heart through windows of 320 x 320 pixels,
# for a detector that misses nobody when a camera pans over them: what a
# tracker makes of it is then the tracker's own doing (docs/tracking.md).
_base_ = './hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py'
model = dict(backbone=dict(init_cfg=None))

photos = 'tests/data/coco_ccby/'
window = 320
train_dataloader = dict(
    batch_sampler=None,
    dataset=dict(
        data_root=photos,
        ann_file='person_keypoints.json',
        pipeline=[
            dict(type='LoadImageFromFile', to_float32=True),
            dict(type='LoadHumanAnnotations', with_attributes=False),
            dict(
                type='HumanRandomCrop',
                crop_type='absolute',
                crop_size=(window, window),
                recompute_bbox=True),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackHumanInputs')
        ]))
val_dataloader = dict(
    dataset=dict(data_root=photos, ann_file='person_keypoints.json'))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=photos + 'person_keypoints.json')
test_evaluator = val_evaluator

max_iters = 600
train_cfg = dict(
    _delete_=True,
    type='IterBasedTrainLoop',
    max_iters=max_iters,
    val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=50,
        end=max_iters,
        eta_min=0)
]
custom_hooks = [dict(type='ProgressHook')]
default_hooks = dict(
    logger=dict(interval=25),
    checkpoint=dict(by_epoch=False, interval=max_iters, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
