# ResNet-50; not the release.
_base_ = [
    '../_base_/models/uniphd_r50.py', '../_base_/datasets/refhuman.py',
    '../_base_/schedules/uniphd_20e.py', '../_base_/default_runtime.py'
]
