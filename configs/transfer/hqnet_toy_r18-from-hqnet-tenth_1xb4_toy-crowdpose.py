# A tenth of the steps, from the toy HQNet: body and garments are new to it.
_base_ = './hqnet_toy_r18-from-nothing-tenth_1xb4_toy-crowdpose.py'

load_from = ('work_dirs/hqnet_toy_r18_1xb4_toy-unihuman/'
             f'iter_{10 * _base_.max_iters}.pth')
custom_hooks = [dict(type='TransferHook')]
