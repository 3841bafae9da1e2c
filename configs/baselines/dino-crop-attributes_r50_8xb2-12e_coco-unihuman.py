# A detector, and a classifier of each person's crop for gender and age, like
# StrongBL (table 2).
_base_ = './dino_r50_8xb2-12e_coco-unihuman.py'

model = dict(
    crop_models=dict(
        attributes=dict(
            type='CropAttributes',
            backbone=_base_.model.detector.backbone,
            embed_dims=2048,
            attributes=dict(
                gender=dict(type='GenderHead'), age=dict(type='AgeHead')))))
val_evaluator = dict(metric=['box', 'gender', 'age'])
test_evaluator = val_evaluator
