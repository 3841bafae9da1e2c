"""One way to follow persons, whatever the tracker."""
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from mmhqnet.tracking import FrameTracker

pytest.importorskip('motmetrics')
SORT = dict(
    type='SORTTracker',
    reid=None,
    motion=dict(type='KalmanFilter'),
    obj_score_thr=0.5,
    match_iou_thr=0.3,
    num_tentatives=1)


def persons(shift, with_queries):
    fields = dict(
        bboxes=torch.tensor([[10., 10, 40, 80], [60, 10, 90, 80]]) + shift,
        scores=torch.tensor([0.9, 0.8]),
        labels=torch.zeros(2, dtype=torch.long),
        keypoints=torch.rand(2, 17, 2))
    if with_queries:
        fields['human_queries'] = torch.eye(2)
    return InstanceData(**fields)


@pytest.mark.parametrize('config', [dict(type='HumanQueryTracker'), SORT])
def test_identities_and_all_fields(config):
    init_default_scope('mmdet')
    tracker = FrameTracker(config)
    for shift in range(4):
        found = tracker(persons(shift, tracker.needs_queries))
        assert found.instances_id.tolist() == [0, 1]
        assert found.keypoints.shape == (2, 17, 2)
        assert 'human_queries' not in found


def test_each_video_counts_anew():
    init_default_scope('mmdet')
    for _ in range(2):
        tracker = FrameTracker()
        assert tracker(persons(0, True)).instances_id.tolist() == [0, 1]
