# One denoising group of the fewest queries.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(dn_cfg=dict(group_cfg=dict(num_dn_queries=1)))
