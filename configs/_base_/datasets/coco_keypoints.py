# Boxes and 17 keypoints of COCO's persons: train2017 and val2017 with
# annotations/person_keypoints_{train,val}2017.json.
_base_ = './coco_unihuman.py'

keypoints_train = 'annotations/person_keypoints_train2017.json'
keypoints_val = 'annotations/person_keypoints_val2017.json'

train_dataloader = dict(dataset=dict(ann_file=keypoints_train))
val_dataloader = dict(dataset=dict(ann_file=keypoints_val))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=_base_.data_root + keypoints_val,
    metric=['box', 'pose'],
    exclude_small=False)
test_evaluator = val_evaluator
