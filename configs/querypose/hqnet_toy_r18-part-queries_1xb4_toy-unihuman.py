# The toy model with part queries instead of the refinement decoder.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
model = dict(
    bbox_head=dict(
        task_heads=dict(
            pose=dict(
                refine=dict(
                    _delete_=True,
                    type='PartQueryRefiner',
                    region_size=8,
                    region_channels=64,
                    part_dims=64,
                    feedforward_channels=256,
                    loss_oks=dict(type='OKSLoss', loss_weight=4.0))))))
