"""Annotation files are not trusted: one clear error for each problem."""
import copy
import json

import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation import GroundTruth

DATASET = dict(
    images=[dict(id=5, height=20, width=30)],
    categories=[dict(id=3, name='person'),
                dict(id=4, name='face')],
    annotations=[
        dict(
            id=70,
            image_id=5,
            category_id=3,
            bbox=[1, 2, 10, 8],
            area=60,
            iscrowd=0,
            segmentation=[[1, 2, 11, 2, 11, 10]],
            keypoints=[4, 5, 2] + [0] * 48,
            gender=1,
            age=0),
        dict(id=71, image_id=5, category_id=4, bbox='no face is looked at')
    ])


@pytest.fixture
def dataset():
    return copy.deepcopy(DATASET)


def test_annotations_are_normalised_copies(dataset):
    del dataset['annotations'][0]['area'], dataset['annotations'][0]['iscrowd']
    before = copy.deepcopy(dataset)
    person, = GroundTruth(dataset).annotations
    assert person['id'] == 1 and person['area'] == 80
    assert person['iscrowd'] == 0 and person['num_keypoints'] == 1
    assert person['gender'] == 1 and person['age'] == 0
    assert dataset == before


@pytest.mark.parametrize('flag, field, empty', [
    ('gender', 'gender', None),
    ('age', 'age', None),
    ('segmentation', 'segmentation', None),
    ('keypoints_2d', 'num_keypoints', 0),
])
def test_labels_that_are_flagged_invalid_are_missing(dataset, flag, field,
                                                     empty):
    dataset['annotations'][0]['valid'] = {flag: 0}
    assert GroundTruth(dataset).annotations[0][field] == empty
    dataset['annotations'][0]['valid'] = {flag: 1}
    assert GroundTruth(dataset).annotations[0][field] != empty


def test_person_without_a_valid_box_is_left_out(dataset):
    dataset['annotations'][0].update(valid=dict(bboxes=0), bbox=[])
    assert GroundTruth(dataset).annotations == []


def test_person_without_mask_is_ignored_where_its_box_is(dataset):
    del dataset['annotations'][0]['segmentation']
    ground_truth = GroundTruth(dataset)
    person, = ground_truth.coco_annotations('segm')
    assert person['iscrowd'] == 1
    assert person['segmentation'] == [[1, 2, 11, 2, 11, 10, 1, 10]]
    assert ground_truth.coco_annotations('bbox')[0]['iscrowd'] == 0


@pytest.mark.parametrize('field, value, problem', [
    ('image_id', 6, 'the id of no image'),
    ('image_id', [5], 'must be a number or string'),
    ('category_id', None, 'the id of no category'),
    ('category_id', 9, 'the id of no category'),
    ('bbox', None, 'must be'),
    ('bbox', [1, 2, 3], 'must be'),
    ('bbox', [1, 2, -3, 4], 'height >= 0'),
    ('bbox', [1, 2, 3, float('inf')], 'must be'),
    ('bbox', [1, 2, 3, '4'], 'must be'),
    ('area', -1, 'must be a number >= 0'),
    ('area', 'large', 'must be a number >= 0'),
    ('area', 10**400, 'must be a number >= 0'),
    ('iscrowd', 2, 'must be 0 or 1'),
    ('keypoints', [1, 2, 2], 'must be a list of 51 numbers'),
    ('keypoints', [None] * 51, 'must be a list of 51 numbers'),
    ('segmentation', [[1, 2, 3, 4]], 'must be polygons'),
    ('segmentation', [[1, 2, 3, 4, 5, 6, 7]], 'must be polygons'),
    ('segmentation', 'mask.png', 'must be polygons'),
    ('segmentation', dict(size=[30, 20], counts='1'), r'size \[20, 30\]'),
    ('segmentation', dict(size=[20, 30]), 'counts'),
    ('segmentation', dict(size=20, counts='1'), r'size \[20, 30\]'),
    ('segmentation', dict(size=[20, 30], counts=[0, 9]), 'sum up to'),
    ('segmentation', dict(size=[20, 30], counts='88'), 'sum up to'),
    ('gender', 2, '0 .male. or 1 .female.'),
    ('gender', 'female', '0 .male. or 1 .female.'),
    ('age', 300, '0..120, got 300'),
    ('age', 'young', '0..120'),
    ('valid', [1], 'must be a dictionary'),
])
def test_malformed_field(dataset, field, value, problem):
    dataset['annotations'][0][field] = value
    with pytest.raises(
            InputError,
            match=f"val.json: annotation 70: field '{field}' .*{problem}"):
        GroundTruth(dataset, source='val.json')


def test_only_the_fields_of_the_metrics_are_checked(dataset):
    dataset['annotations'][0].update(keypoints=[1], gender=7, segmentation=3)
    GroundTruth(dataset, metrics=['box', 'age'])


@pytest.mark.parametrize('change, problem', [
    (dict(images=None), "the list 'images' is missing"),
    (dict(annotations={}), "the list 'annotations' is missing"),
    (dict(annotations=[1]), "'annotations' is missing or malformed"),
    (dict(images=2 * [dict(id=5, height=9, width=9)]), "image 5: field 'id'"),
    (dict(images=[dict()]), "image None: field 'id'"),
    (dict(images=[dict(id=5, height=0, width=9)]), "image 5: field 'height'"),
    (dict(images=[dict(id=5, height=9)]), "image 5: field 'width'"),
    (dict(categories=[dict(id=1, name='dog')]),
     "no category 'person', only 'dog'"),
    (dict(categories=[dict(id=1)]), "no category 'person', only none"),
    (dict(categories=[dict(id=1, name=['person'])]), "no category 'person'"),
])
def test_malformed_file(dataset, change, problem):
    with pytest.raises(InputError, match=problem):
        GroundTruth({**dataset, **change})
    with pytest.raises(InputError, match='is this a COCO annotation file'):
        GroundTruth([dataset])


def test_crowding(dataset):
    assert GroundTruth(dataset).crowding() == {}
    dataset['images'][0]['crowdIndex'] = .25
    assert GroundTruth(dataset).crowding() == {5: .25}
    dataset['images'][0]['crowdIndex'] = 'hard'
    with pytest.raises(InputError, match="image 5: field 'crowdIndex'"):
        GroundTruth(dataset).crowding()


def test_from_file(dataset, tmp_path):
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(dataset))
    assert len(GroundTruth.from_file(str(path)).annotations) == 1
    path.write_text(json.dumps(dataset)[:-5])
    with pytest.raises(InputError, match='val.json: not a JSON file'):
        GroundTruth.from_file(str(path))
    with pytest.raises(InputError, match='other.json: No such file'):
        GroundTruth.from_file(str(tmp_path / 'other.json'))
