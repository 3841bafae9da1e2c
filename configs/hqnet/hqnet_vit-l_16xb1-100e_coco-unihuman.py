# HQNet with ViT-L and a simple feature pyramid (table 2). The paper starts
# from HumanBench; convert its weights, or MAE's, with
#   python tools/model_converters/vit_to_mmhqnet.py SRC.pth DST.pth
# The schedule of the backbone is ViTDet's; the paper does not give its own.
_base_ = './hqnet_r50_16xb1-100e_coco-unihuman.py'

model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # whole patches and strides
    backbone=dict(_delete_=True, type='PlainViT', with_cp=True),
    neck=dict(
        _delete_=True,
        type='SimpleFeaturePyramid',
        in_channels=1024,
        out_channels=256))
load_from = 'checkpoints/vit-l_humanbench.pth'

optim_wrapper = dict(
    constructor='LayerDecayConstructor',
    paramwise_cfg=dict(_delete_=True, decay_rate=0.8))
