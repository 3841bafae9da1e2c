import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData

from mmhqnet.structures.person_fields import resolve_fields
from mmhqnet.visualization.person import (HIDDEN, NOT_LABELLED, VISIBLE,
                                          people_of)


def label_of(instances):
    return people_of(instances, 0.3)[0].label


@pytest.mark.parametrize('changes, expected', [
    (dict(), 'F 27 0.93'),
    (dict(instances_id=torch.tensor([0])), '#0 F 27 0.93'),
    (dict(genders=torch.tensor([0]), ages=torch.tensor([0.2])), 'M 0 0.93'),
    (dict(scores=None, genders=torch.tensor([-1])), '? 27'),
    (dict(scores=None, ages=torch.tensor([-1])), 'F ?'),
    (dict(genders=None, ages=None), '0.93'),
    (dict(scores=None, genders=None, ages=None), ''),
    (dict(ages=torch.tensor([float('nan')])), 'F ? 0.93'),
    (dict(ages=torch.tensor([26.5])), 'F 27 0.93'),
])
def test_label(make_person, changes, expected):
    assert label_of(make_person(**changes)) == expected


def test_visibility_of_predictions_is_their_score(make_person):
    scores = torch.full((1, 17), 0.9)
    scores[0, 4] = 0.29
    person, = people_of(make_person(keypoint_scores=scores), 0.3)
    assert person.visibility[4] == NOT_LABELLED
    assert (np.delete(person.visibility, 4) == VISIBLE).all()


def test_visibility_of_ground_truth_is_cocos(make_person):
    flags = torch.arange(17).remainder(3)[None].float()
    person, = people_of(
        make_person(keypoint_scores=None, keypoints_visible=flags), 0.3)
    assert person.visibility[:3].tolist() == [NOT_LABELLED, HIDDEN, VISIBLE]


def test_predicted_to_be_hidden(make_person):
    scores = torch.full((1, 17), 0.9)
    visible = torch.full((1, 17), 0.6)
    scores[0, :2], visible[0, 1:3] = 0.1, 0.4
    person, = people_of(
        make_person(keypoint_scores=scores, keypoints_visible=visible), 0.3)
    assert person.visibility[:4].tolist() == [
        NOT_LABELLED, NOT_LABELLED, HIDDEN, VISIBLE
    ]


def test_keypoints_outside_the_image_are_not_drawn(make_person):
    keypoints = torch.full((1, 17, 2), 50.)
    keypoints[0, 0] = torch.tensor([161., 50.])
    keypoints[0, 1] = torch.tensor([50., -1.])
    keypoints[0, 2] = torch.tensor([160., 120.])
    keypoints[0, 3] = float('nan')
    person, = people_of(make_person(keypoints=keypoints), 0.3)
    drawn = person.drawn_keypoints(160, 120)
    assert np.flatnonzero(~drawn).tolist() == [0, 1, 3]


@pytest.mark.parametrize('wrap', [
    lambda masks: masks, lambda masks: masks.numpy(),
    lambda masks: BitmapMasks(masks.numpy().astype(np.uint8), 120, 160),
    lambda masks: PolygonMasks(
        [[np.array([55., 30, 105, 30, 105, 100, 55, 100])]], 120, 160)
])
def test_all_kinds_of_masks_are_read_alike(make_person, wrap):
    masks = make_person().masks
    person, = people_of(make_person(masks=wrap(masks)), 0.3)
    assert person.mask.dtype == bool
    assert (person.mask == masks[0].numpy()).all()


def test_persons_without_a_valid_mask_have_none(make_person):
    valid = torch.tensor([False])
    person, = people_of(make_person(mask_valid=valid), 0.3)
    assert person.mask is None


def test_color_follows_the_track(make_person):
    tracked = make_person(instances_id=torch.tensor([7]))
    assert people_of(tracked, 0.3)[0].color_index == 7
    both = InstanceData.cat([make_person(), make_person()])
    assert [p.color_index for p in people_of(both, 0.3)] == [0, 1]


def test_box_only_and_box_type(make_person):
    boxes = torch.tensor([[1., 2., 3., 4.]])
    instances = InstanceData(bboxes=HorizontalBoxes(boxes))
    person, = people_of(instances, 0.3)
    assert person.box.tolist() == [1, 2, 3, 4]
    assert person.mask is None and len(person.keypoints) == 0


def test_nobody(make_person):
    assert people_of(make_person()[:0], 0.3) == []


def test_added_fields_are_named_on_the_label(make_person):
    fields = resolve_fields(
        dict(
            helmet=dict(type='category', classes=('none', 'helmet')),
            height_cm=dict(type='number', text='{} cm')))
    instances = make_person(
        helmet=torch.tensor([1]), height_cm=torch.tensor([179.6]))
    person, = people_of(instances, .3, fields)
    assert person.label == 'F 27 helmet 180 cm 0.93'
    instances = make_person(
        scores=None,
        helmet=torch.tensor([-1]),
        height_cm=torch.tensor([float('nan')]))
    person, = people_of(instances, .3, fields)
    assert person.label == 'F 27 ? ?'


def test_further_boxes_and_points_that_can_be_seen(make_person):
    fields = resolve_fields(dict(feet=dict(type='points', num_points=2)))
    seen = dict(
        face_boxes=torch.tensor([[60., 30, 80, 50]]),
        feet=torch.tensor([[[60., 100], [90, 100]]]))
    truth = dict(
        face_valid=torch.tensor([True]), feet_visible=torch.tensor([[2., 0]]))
    person, = people_of(make_person(**seen, **truth), .3, fields)
    assert person.boxes['face'].tolist() == [60, 30, 80, 50]
    assert person.points['feet'].tolist() == [[60, 100]]
    truth = dict(
        face_scores=torch.tensor([.1]), feet_scores=torch.tensor([[.1, .9]]))
    person, = people_of(make_person(**seen, **truth), .3, fields)
    assert person.boxes == {} and person.points['feet'].tolist() == [[90, 100]]
    person, = people_of(make_person(**seen), .3, fields)
    assert len(person.boxes) == 1 and len(person.points['feet']) == 2
