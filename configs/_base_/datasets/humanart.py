# Human-Art, persons in art: evaluation only, training is on COCO. Layout, in
# data/:
#   HumanArt/images/...
#   HumanArt/annotations/validation_humanart.json
# One of the 20 scenarios: validation_humanart_<scenario>.json. ``area`` is
# that of the box, and there are no masks.
_base_ = './coco_unihuman.py'

humanart_root = 'data/'
humanart_ann_file = 'HumanArt/annotations/validation_humanart.json'

val_dataloader = dict(
    dataset=dict(
        data_root=humanart_root,
        ann_file=humanart_ann_file,
        data_prefix=dict(img=''),  # file names begin with HumanArt/images/
        keypoint_metainfo='humanart'))
test_dataloader = val_dataloader

# The paper does not say whether it leaves out small persons here; both
# numbers are reported.
val_evaluator = dict(
    ann_file=humanart_root + humanart_ann_file, metric=['box', 'pose'])
test_evaluator = val_evaluator
