# Mask R-CNN with a branch for gender (section A5).
_base_ = './mask-rcnn_r50_8xb2-12e_coco-unihuman.py'

model = dict(
    detector=dict(
        roi_head=dict(
            type='AttributeRoIHead',
            attributes=dict(gender=dict(type='GenderHead')))))
val_evaluator = dict(metric=['box', 'mask', 'gender'])
test_evaluator = val_evaluator
