# OCHuman, heavily overlapping persons: evaluation only, training is on COCO.
# Layout, in data/ochuman/:
#   images/000001.jpg
#   ochuman_coco_format_{val,test}_range_0.00_1.00.json
# (tools/dataset_converters/ochuman.py makes the latter from ochuman.json).
# Only 8110 of 13360 persons are labelled and ``area`` is that of the box.
_base_ = './coco_unihuman.py'

ochuman_root = 'data/ochuman/'
val_ann_file = 'ochuman_coco_format_val_range_0.00_1.00.json'
test_ann_file = 'ochuman_coco_format_test_range_0.00_1.00.json'

val_dataloader = dict(
    dataset=dict(
        data_root=ochuman_root,
        ann_file=val_ann_file,
        data_prefix=dict(img='images/'),
        keypoint_metainfo='ochuman'))
test_dataloader = dict(
    dataset=dict(
        data_root=ochuman_root,
        ann_file=test_ann_file,
        data_prefix=dict(img='images/'),
        keypoint_metainfo='ochuman'))

# The standard COCO numbers; there are no small persons.
val_evaluator = dict(
    ann_file=ochuman_root + val_ann_file,
    metric=['box', 'mask', 'pose'],
    exclude_small=False)
test_evaluator = dict(
    ann_file=ochuman_root + test_ann_file,
    metric=['box', 'mask', 'pose'],
    exclude_small=False)
