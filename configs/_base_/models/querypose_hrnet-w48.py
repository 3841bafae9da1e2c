_base_ = './querypose_hrnet-w32.py'

model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384))),
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmpose/v1/'
            'body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-210e_'
            'coco-256x192-0e67c616_20220913.pth')),
    neck=dict(in_channels=[48, 96, 192, 384]))
