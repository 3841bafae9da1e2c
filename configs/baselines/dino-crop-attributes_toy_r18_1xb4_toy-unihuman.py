# Gender and age from crops of drawn people.
_base_ = './dino_toy_r18_1xb4_toy-unihuman.py'

model = dict(
    crop_models=dict(
        attributes=dict(
            type='CropAttributes',
            size=(64, 48),
            backbone=dict(type='ResNet', depth=18, base_channels=32),
            embed_dims=256,
            attributes=dict(
                gender=dict(type='GenderHead'), age=dict(type='AgeHead')))))
val_evaluator = dict(metric=['box', 'gender', 'age'])
test_evaluator = val_evaluator
