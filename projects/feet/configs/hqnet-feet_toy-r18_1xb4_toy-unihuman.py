# The toy config with one more task. Run `tools/add_feet.py` before.
_base_ = '../../../configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
custom_imports = dict(imports=['mmhqnet', 'feet'])

# left and right change places in a mirrored image
person_fields = dict(
    feet=dict(type='points', num_points=2, flip_indices=(1, 0)))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='HumanResize', scale=(128, 128), keep_ratio=True),
    # After resizing: FeetMetric compares in the pixels of the photo.
    dict(type='LoadHumanAnnotations', with_mask=False),
    dict(
        type='PackHumanInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                   'scale_factor'))
]
train_dataloader = dict(
    dataset=dict(
        person_fields=person_fields,
        ann_file='annotations/toy_feet_train.json'))
val_dataloader = dict(
    dataset=dict(
        person_fields=person_fields,
        ann_file='annotations/toy_feet_val.json',
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = [
    dict(
        type='UniHumanMetric',
        ann_file=_base_.data_root + 'annotations/toy_feet_val.json',
        metric=['box', 'feet']),  # feet_AP: by object keypoint similarity
    dict(type='FeetMetric')
]
test_evaluator = val_evaluator

model = dict(
    bbox_head=dict(
        task_heads=dict(
            mask=None,
            pose=None,
            gender=None,
            age=None,
            feet=dict(type='FeetHead'))))
visualizer = dict(type='FeetVisualizer')
