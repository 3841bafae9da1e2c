# The COCO-UniHuman model on OCHuman val, without training on it.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman_test-ochuman.py'

test_dataloader = dict(dataset=dict(ann_file=_base_.val_ann_file))
test_evaluator = dict(ann_file=_base_.ochuman_root + _base_.val_ann_file)
