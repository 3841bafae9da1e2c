# OC-SORT: the motion of a track is corrected when it comes back.
_base_ = './hqnet_r50_human-queries_posetrack21.py'

model = dict(
    tracker=dict(
        _delete_=True,
        type='OCSORTTracker',
        motion=dict(type='KalmanFilter'),
        obj_score_thr=0.5,
        init_track_thr=0.6,
        weight_iou_with_det_scores=True,
        match_iou_thr=0.3,
        num_tentatives=2,
        vel_consist_weight=0.2,
        vel_delta_t=3,
        num_frames_retain=100))
