# Box and pose on CrowdPose: 14 keypoints, trainval for training, test.
_base_ = [
    '../_base_/models/hqnet_r50.py', '../_base_/datasets/crowdpose.py',
    '../_base_/schedules/schedule_100e.py', '../_base_/default_runtime.py'
]

model = dict(
    bbox_head=dict(
        task_heads=dict(
            mask=None,
            pose=dict(
                num_keypoints=14,
                sigmas=[
                    0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
                    0.087, 0.087, 0.089, 0.089, 0.079, 0.079
                ]),
            gender=None,
            age=None)))
default_hooks = dict(checkpoint=dict(interval=2))
