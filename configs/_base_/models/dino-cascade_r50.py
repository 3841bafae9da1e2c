# DINO as the detector of a cascade, which may look at each person again.
_base_ = './dino_r50.py'

model = dict(
    _delete_=True,
    type='PersonCascade',
    data_preprocessor=_base_.model.pop('data_preprocessor'),
    detector=_base_.model)
