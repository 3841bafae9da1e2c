# Boxes and their motion only.
_base_ = './hqnet_r50_human-queries_posetrack21.py'

model = dict(
    tracker=dict(
        _delete_=True,
        type='SORTTracker',
        reid=None,
        motion=dict(type='KalmanFilter', center_only=False),
        obj_score_thr=0.5,
        match_iou_thr=0.3,
        num_tentatives=2,
        num_frames_retain=100))
