# COCO-WholeBody v1.0: persons with masks, 17 keypoints and face boxes. Images
# are COCO's train2017 and val2017.
_base_ = './coco_unihuman.py'

wholebody_train = 'annotations/coco_wholebody_train_v1.0.json'
wholebody_val = 'annotations/coco_wholebody_val_v1.0.json'

train_dataloader = dict(dataset=dict(ann_file=wholebody_train))
val_dataloader = dict(dataset=dict(ann_file=wholebody_val))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=_base_.data_root + wholebody_val,
    metric=['box', 'mask', 'pose', 'face'])
test_evaluator = val_evaluator
