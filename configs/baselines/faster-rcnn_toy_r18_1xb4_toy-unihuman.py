# Faster R-CNN on drawn people.
_base_ = './mask-rcnn_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    detector=dict(
        type='FasterRCNN',
        roi_head=dict(mask_roi_extractor=None, mask_head=None)))
val_evaluator = dict(metric='box')
test_evaluator = val_evaluator
