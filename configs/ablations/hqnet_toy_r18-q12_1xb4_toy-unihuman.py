# Fewer queries.
_base_ = '../hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'

model = dict(num_queries=12, test_cfg=dict(max_per_img=12))
