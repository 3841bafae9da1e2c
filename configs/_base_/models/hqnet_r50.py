# HQNet is DINO with a map of stride 4 for masks, and a head for each task.
_base_ = './dino_r50.py'

model = dict(
    type='HQNet',
    num_queries=300,
    data_preprocessor=dict(pad_mask=True),
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(
        in_channels=[256, 512, 1024, 2048],  # DINO starts at stride 8
        num_outs=5),
    bbox_head=dict(
        type='HQNetHead',
        task_heads=dict(
            mask=dict(type='MaskHead'),
            pose=dict(
                type='PoseHead', refine=dict(type='PoseRefinementDecoder')),
            gender=dict(type='GenderHead'),
            age=dict(type='AgeHead'))),
    train_cfg=dict(
        assigner=dict(
            type='HumanQueryAssigner',
            match_costs=[
                dict(type='FocalLossCost', weight=1.0),
                dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
                dict(type='IoUCost', iou_mode='giou', weight=2.0)
            ])),
    test_cfg=dict(max_per_img=100))
# The mask branch of the encoder's proposals never gets a gradient.
find_unused_parameters = True
