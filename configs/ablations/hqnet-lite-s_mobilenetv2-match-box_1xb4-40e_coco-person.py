# All tasks are learnt, but only class and box have a say in the matching.
_base_ = '../hqnet/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py'

model = dict(
    bbox_head=dict(
        task_heads=dict(
            mask=dict(cost_mask=0.0, cost_dice=0.0),
            pose=dict(cost_kpt_cls=0.0, cost_kpt=0.0, cost_oks=0.0))))
