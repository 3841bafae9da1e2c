# UniPHD as released: its weights give its numbers.
_base_ = [
    '../_base_/models/uniphd_swin-t.py', '../_base_/datasets/refhuman.py',
    '../_base_/schedules/uniphd_20e.py', '../_base_/default_runtime.py'
]
