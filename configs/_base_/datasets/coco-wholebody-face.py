# Faces of COCO-WholeBody as a detection data set of one class. The two files
# in data/coco/annotations/ are written by
# tools/dataset_converters/wholebody_face.py; images are COCO's train2017 and
# val2017. box_AP and box_AR (100 detections) are the AP and AR of faces.
# Faces that are not valid are not labelled, so finding them counts as wrong.
_base_ = './coco_unihuman.py'

metainfo = dict(classes=('face', ), palette=[(220, 20, 60)])
face_train = 'annotations/coco_wholebody_face_train.json'
face_val = 'annotations/coco_wholebody_face_val.json'

train_dataloader = dict(dataset=dict(metainfo=metainfo, ann_file=face_train))
val_dataloader = dict(dataset=dict(metainfo=metainfo, ann_file=face_val))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=_base_.data_root + face_val, metric='box', exclude_small=False)
test_evaluator = val_evaluator
