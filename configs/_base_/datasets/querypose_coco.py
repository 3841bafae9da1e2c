# As QueryPose was trained: two images on each of 8 GPUs, no photometric
# distortion.
_base_ = './coco_keypoints.py'

train_pipeline = _base_.train_pipeline[:4] + [dict(type='PackHumanInputs')]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
