# CrowdPose, 14 keypoints: trained on trainval, tested on test. Layout, in
# data/crowdpose/:
#   images/100000.jpg
#   annotations/crowdpose_{trainval,test}_with_areas.json
# written by tools/dataset_converters/crowdpose.py. AP on easy, medium and
# hard images is reported as pose_AP_easy, pose_AP_medium and pose_AP_hard.
_base_ = './coco_unihuman.py'

crowdpose_root = 'data/crowdpose/'
crowdpose_test = 'annotations/crowdpose_test_with_areas.json'

train_dataloader = dict(
    dataset=dict(
        data_root=crowdpose_root,
        ann_file='annotations/crowdpose_trainval_with_areas.json',
        data_prefix=dict(img='images/'),
        keypoint_metainfo='crowdpose'))
val_dataloader = dict(
    dataset=dict(
        data_root=crowdpose_root,
        ann_file=crowdpose_test,
        data_prefix=dict(img='images/'),
        keypoint_metainfo='crowdpose'))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=crowdpose_root + crowdpose_test,
    metric=['box', 'pose'],
    exclude_small=False)
test_evaluator = val_evaluator
