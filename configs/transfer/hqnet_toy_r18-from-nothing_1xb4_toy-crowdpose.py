# Drawn people with other labels, 14 keypoints and a garment, from random
# weights. Files of tools/dataset_converters/relabel_toy_unihuman.py.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    bbox_head=dict(
        task_heads=dict(
            pose=dict(
                num_keypoints=14,
                sigmas=[
                    0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
                    0.087, 0.087, 0.089, 0.089, 0.079, 0.079
                ]),
            gender=None,
            age=None,
            garment=dict(type='CategoryHead', field='garment',
                         num_classes=3))))

data_root = 'data/toy_crowdpose/'
labels = dict(
    data_root=data_root,
    keypoint_metainfo='crowdpose',
    person_fields=dict(
        garment=dict(type='category', classes=('shirt', 'dress', 'romper'))))
train_dataloader = dict(
    dataset=dict(ann_file='annotations/toy_crowdpose_train.json', **labels))
val_dataloader = dict(
    dataset=dict(ann_file='annotations/toy_crowdpose_val.json', **labels))
test_dataloader = val_dataloader
val_evaluator = dict(
    ann_file=data_root + 'annotations/toy_crowdpose_val.json',
    metric=['box', 'mask', 'pose', 'garment'])
test_evaluator = val_evaluator
