# ByteTrack: boxes of low scores continue tracks.
_base_ = './hqnet_r50_human-queries_posetrack21.py'

model = dict(
    tracker=dict(
        _delete_=True,
        type='ByteTracker',
        motion=dict(type='KalmanFilter'),
        obj_score_thrs=dict(high=0.5, low=0.1),
        init_track_thr=0.6,
        weight_iou_with_det_scores=True,
        match_iou_thrs=dict(high=0.1, low=0.5, tentative=0.3),
        num_frames_retain=100))
