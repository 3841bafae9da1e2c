# QueryPose, full version, ResNet-50.
_base_ = [
    '../_base_/models/querypose_r50.py',
    '../_base_/datasets/coco_keypoints.py',
    '../_base_/schedules/querypose_140k.py', '../_base_/default_runtime.py'
]
# As the release: no photometric distortion.
train_pipeline = _base_.train_pipeline[:4] + [dict(type='PackHumanInputs')]
train_dataloader = dict(
    batch_size=2, dataset=dict(pipeline=train_pipeline))  # on each of 8 GPUs
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=10000))
log_processor = dict(by_epoch=False)
randomness = dict(seed=40244023)
