# All tasks are learnt, but only class and box have a say in the matching.
_base_ = './hqnet_r50-match-box-pose_16xb1-100e_coco-unihuman.py'

model = dict(
    bbox_head=dict(
        task_heads=dict(
            pose=dict(cost_kpt_cls=0.0, cost_kpt=0.0, cost_oks=0.0))))
