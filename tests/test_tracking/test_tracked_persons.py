import torch
from mmengine.structures import InstanceData

from mmhqnet.tracking import tracked_persons


def persons(number):
    generator = torch.Generator().manual_seed(0)
    return InstanceData(
        bboxes=torch.rand(number, 4, generator=generator),
        keypoints=torch.rand(number, 17, 2, generator=generator))


def test_fields_follow_the_boxes():
    people = persons(4)
    tracks = InstanceData(
        bboxes=people.bboxes[[2, 0]], instances_id=torch.tensor([7, 5]))
    joined = tracked_persons(people, tracks)
    assert joined.instances_id.tolist() == [7, 5]
    assert (joined.keypoints == people.keypoints[[2, 0]]).all()


def test_boxes_that_are_no_detection_are_left_out():
    people = persons(3)
    boxes = torch.cat([people.bboxes[:1], torch.zeros(1, 4)])
    tracks = InstanceData(bboxes=boxes, instances_id=torch.tensor([0, 1]))
    assert tracked_persons(people, tracks).instances_id.tolist() == [0]


def test_nobody():
    for people, number in ((persons(0), 0), (persons(2), 0)):
        tracks = InstanceData(
            bboxes=torch.zeros(number, 4),
            instances_id=torch.zeros(number, dtype=torch.long))
        assert len(tracked_persons(people, tracks).instances_id) == 0
