"""Results as objects, and in the forms of other tools."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from pycocotools import mask as mask_utils

from mmhqnet.apis.results import Persons
from mmhqnet.apis.sources import Frame
from mmhqnet.errors import InputError
from mmhqnet.visualization import HumanLocalVisualizer

SCHEMA = Path(__file__).parents[2] / 'docs/persons.schema.json'


@pytest.fixture
def instances():
    """Two persons with all the fields that the model predicts."""
    masks = torch.zeros(2, 40, 60, dtype=torch.bool)
    masks[0, 5:35, 10:30] = masks[1, 10:30, 35:50] = True
    scores = torch.tensor([0.9, 0.456789])
    return InstanceData(
        bboxes=torch.tensor([[10.123456, 5, 30, 35], [35, 10, 50, 30]]),
        scores=scores,
        labels=torch.zeros(2, dtype=torch.long),
        masks=masks,
        mask_scores=scores / 2,
        keypoints=torch.arange(68.).reshape(2, 17, 2) / 2,
        keypoint_scores=scores[:, None].repeat(1, 17),
        keypoints_visible=torch.arange(34.).reshape(2, 17) / 33,
        genders=torch.tensor([1, 0]),
        gender_scores=torch.tensor([0.75, 0.125]),
        ages=torch.tensor([31.25, 7.5]))


@pytest.fixture
def frame():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    return Frame(image, 'film_000003', 'film.mp4', 3, 0.1)


@pytest.fixture
def persons(instances, frame):
    return Persons(frame, instances, {}, HumanLocalVisualizer())


def test_a_person_has_what_the_model_predicts(persons, instances):
    first, second = persons
    assert len(persons) == 2 and persons[-1].age == second.age == 7.5
    assert first.score == pytest.approx(0.9)
    assert first.bbox.tolist() == instances.bboxes[0].tolist()
    assert first.mask.dtype == bool
    assert np.array_equal(first.mask, instances.masks[0])
    assert first['age'] == first.age == 31.25
    assert (first.gender, first.gender_score) == ('female', 0.75)
    assert (second.gender, second.gender_score) == ('male', 0.875)
    assert first.keypoints.shape == (17, 2)
    assert first.keypoint_scores.shape == (17, )
    assert second.keypoints_visible[-1] == 1
    assert {'bbox', 'mask', 'age'} <= set(dir(first))
    assert 'gender=female' in repr(first) and 'age=31.25' in repr(first)
    with pytest.raises(AttributeError, match="no 'nose'; it has bbox, score"):
        first.nose
    assert [p.age for p in persons[:1]] == [31.25]
    assert persons.columns['ages'].tolist() == [31.25, 7.5]


def test_tracks_and_fields_of_other_tasks(instances, frame):
    instances.instances_id = torch.tensor([4, 9])
    instances.colors = ['red', 'blue']
    instances.feet = torch.ones(2, 2, 2)
    instances.helmets = torch.tensor([1, 0])
    instances.helmets_scores = torch.tensor([0.5, 1])
    instances.pop('masks')
    first, _ = Persons(
        frame, instances,
        dict(
            person_fields=dict(
                helmets=dict(type='category', classes=('no', 'yes')))))
    assert first.track_id == 4 and first.colors == 'red'
    assert (first.helmets, first.helmets_score) == ('yes', 0.5)
    assert first.to_dict()['feet'] == [[1, 1], [1, 1]]
    assert not hasattr(first, 'mask')


def test_json_is_what_the_schema_says(persons, frame):
    jsonschema = pytest.importorskip('jsonschema')
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validate = jsonschema.Draft202012Validator(schema).validate
    broken = Persons(frame._replace(image=None, error='gone'))
    for result in (persons, Persons(frame), broken):
        line = result.to_json()
        assert '\n' not in line and json.loads(line) == result.to_dict()
        validate(result.to_dict())
    named = schema['properties']['persons']['items']['properties']
    assert set(persons[0].to_dict()) <= set(named)
    for change in (dict(version=2), dict(error='x'),
                   dict(persons=[dict(score=1)]), dict(more=1)):
        with pytest.raises(jsonschema.ValidationError):
            validate(dict(persons.to_dict(), **change))


def test_dict_holds_rounded_plain_values(persons):
    result = persons.to_dict()
    assert result['version'] == 1
    assert result['image'] == dict(
        name='film_000003',
        path='film.mp4',
        height=40,
        width=60,
        frame=3,
        time=0.1)
    first, second = result['persons']
    assert first['bbox'] == [10.12, 5, 30, 35]
    assert second['score'] == 0.4568 and second['gender'] == 'male'
    assert first['keypoints'][1] == [1, 1.5, 0.9]
    assert first['keypoints_visible'][:3] == [0, 0.0303, 0.0606]
    assert np.array_equal(mask_utils.decode(first['mask']), persons[0].mask)


def test_coco_entries(persons):
    box = persons.to_coco(7)[0]
    assert box == dict(
        image_id=7,
        category_id=1,
        score=pytest.approx(0.9),
        bbox=pytest.approx([10.123456, 5, 19.876544, 30]))
    mask = persons.to_coco(7, 'segm')[0]
    assert mask['score'] == 0.45
    assert mask_utils.area(mask['segmentation']) == 600
    keypoints = persons.to_coco(7, 'keypoints')[1]['keypoints']
    assert np.reshape(keypoints,
                      (17, 3))[0] == pytest.approx([17, 17.5, 0.456789])
    json.dumps([box, mask, keypoints])
    with pytest.raises(InputError, match="no 'age' results"):
        persons.to_coco(7, 'age')


def test_coco_entries_of_what_is_not_predicted(instances, frame):
    instances.pop('masks')
    with pytest.raises(InputError, match="no 'segm' results"):
        Persons(frame, instances).to_coco(1, 'segm')


def test_supervision(persons):
    pytest.importorskip('supervision')
    detections, keypoints = persons.to_supervision()
    assert len(detections) == len(keypoints) == 2
    assert detections.xyxy[1].tolist() == [35, 10, 50, 30]
    assert detections.mask[0].sum() == 600
    assert detections.data['gender'].tolist() == ['female', 'male']
    assert detections.data['age'].tolist() == [31.25, 7.5]
    assert detections.data['keypoints_visible'].shape == (2, 17)
    assert keypoints.xy.shape == (2, 17, 2)
    assert len(detections[detections.data['age'] > 18]) == 1


def test_pose_data_samples(persons):
    structures = pytest.importorskip('mmpose.structures')
    samples = persons.to_pose_data_samples()
    assert [len(sample.pred_instances) for sample in samples] == [1, 1]
    merged = structures.merge_data_samples(samples)
    assert merged.pred_instances.keypoints.shape == (2, 17, 2)
    assert merged.pred_instances.keypoint_scores.shape == (2, 17)
    assert np.array_equal(merged.pred_instances.keypoints_visible,
                          persons.columns['keypoints_visible'])
    assert merged.gt_instances.bboxes.shape == (2, 4)


def test_plot_shows_all_and_leaves_the_image(persons):
    before = persons.image.copy()
    picture = persons.plot()
    assert picture.shape == before.shape and picture.dtype == np.uint8
    assert (picture[5:35, 10:30] != before[5:35, 10:30]).any(-1).mean() > 0.5
    assert np.array_equal(persons.image, before)


def test_nobody(frame):
    persons = Persons(frame)
    assert len(persons) == 0 and list(persons) == []
    assert persons.to_coco(1, 'segm') == []
    assert persons.to_dict()['persons'] == []
    assert persons.to_pose_data_samples() == []
    assert persons.blurred('person') is not frame.image


@pytest.mark.parametrize('what', ['face', 'person'])
def test_blurred_pictures(persons, what):
    blurred = persons.blurred(what)
    changed = (blurred != persons.image).any(-1)
    assert changed.any() and not changed[:, -2:].any()
    assert np.array_equal(persons.blurred(None), persons.image)
    assert (persons.plot(blur=what) != persons.plot()).any()
