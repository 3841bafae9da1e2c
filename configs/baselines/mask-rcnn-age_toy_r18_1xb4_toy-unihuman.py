# Mask R-CNN with a branch for age (section A5).
_base_ = './mask-rcnn_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    detector=dict(
        roi_head=dict(
            type='AttributeRoIHead', attributes=dict(age=dict(
                type='AgeHead')))))
val_evaluator = dict(metric=['box', 'mask', 'age'])
test_evaluator = val_evaluator
