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
    assert person['iscrowd'] == 0 and person['keypoints'][2] == 2
    assert person['gender'] == 1 and person['age'] == 0
    assert dataset == before


@pytest.mark.parametrize('flag, field, empty', [
    ('gender', 'gender', None),
    ('age', 'age', None),
    ('segmentation', 'segmentation', None),
    ('keypoints_2d', 'keypoints', [0] * 51),
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
    person, = ground_truth.coco_annotations('mask')
    assert person['iscrowd'] == 1
    assert person['segmentation'] == [[1, 2, 11, 2, 11, 10, 1, 10]]
    assert ground_truth.coco_annotations('box')[0]['iscrowd'] == 0


@pytest.mark.parametrize('field, value, problem', [
    ('image_id', 6, "the id of an entry in 'images'"),
    ('image_id', [5], "the id of an entry in 'images'"),
    ('category_id', None, "the id of an entry in 'categories'"),
    ('category_id', 9, "the id of an entry in 'categories'"),
    ('bbox', None, 'must be 4 numbers'),
    ('bbox', [1, 2, 3], 'must be 4 numbers'),
    ('bbox', [1, 2, -3, 4], 'negative width or height'),
    ('bbox', [1, 2, 3, float('inf')], 'must be 4 numbers'),
    ('bbox', [1, 2, 3, '4'], 'must be 4 numbers'),
    ('area', -1, 'must be a number of square pixels'),
    ('area', 'large', 'must be a number of square pixels'),
    ('area', 10**400, 'must be a number of square pixels'),
    ('iscrowd', 2, 'must be 0 or 1'),
    ('keypoints', [1, 2, 2], 'must be 51 numbers'),
    ('keypoints', [None] * 51, 'must be 51 numbers'),
    ('segmentation', [[1, 2, 3, 4]], 'must be polygons'),
    ('segmentation', [[1, 2, 3, 4, 5, 6, 7]], 'must be polygons'),
    ('segmentation', 'mask.png', 'must be polygons'),
    ('segmentation', dict(size=[30, 20], counts='1'), 'height and width of'),
    ('segmentation', dict(size=[20, 30]), 'counts'),
    ('segmentation', dict(size=20, counts='1'), 'height and width of'),
    ('segmentation', dict(size=[20, 30], counts=[0, 9]), 'sum up to'),
    ('segmentation', dict(size=[20, 30], counts='88'), 'sum up to'),
    ('gender', 2, '0 .male. or 1 .female.'),
    ('gender', 'f', '0 .male. or 1 .female.'),
    ('age', 300, 'from 0 to 85, found 300'),
    ('age', 'young', 'from 0 to 85'),
    ('valid', [1], 'must be a dict of flags'),
])
def test_malformed_field(dataset, field, value, problem):
    dataset['annotations'][0][field] = value
    with pytest.raises(
            InputError,
            match=f"val.json: annotation 70: '{field}' .*{problem}"):
        GroundTruth(dataset, source='val.json')


def test_only_the_fields_of_the_metrics_are_checked(dataset):
    dataset['annotations'][0].update(keypoints=[1], gender=7, segmentation=3)
    GroundTruth(dataset, metrics=['box', 'age'])


@pytest.mark.parametrize('change, problem', [
    (dict(images=None), "'images' must be there, as a list"),
    (dict(annotations={}), "'annotations' must be there, as a list"),
    (dict(annotations=[1]), "'annotations' must be a list of dicts"),
    (dict(images=2 * [dict(id=5, height=9, width=9)]), "image 5: 'id'"),
    (dict(images=[dict()]), "image None: 'id'"),
    (dict(images=[dict(id=5, height=0, width=9)]), "image 5: 'height'"),
    (dict(images=[dict(id=5, height=9)]), "image 5: 'width'"),
    (dict(categories=[dict(id=1, name='dog')]),
     "a category named 'person', found \\['dog'"),
    (dict(categories=[dict(id=1)]), 'must be dicts with id and name'),
    (dict(categories=[dict(id=1, name=['person'])]),
     'must be dicts with id and name'),
])
def test_malformed_file(dataset, change, problem):
    with pytest.raises(InputError, match=problem):
        GroundTruth({**dataset, **change})
    with pytest.raises(InputError, match='must be a dict with images'):
        GroundTruth([dataset])


def test_crowding(dataset):
    assert GroundTruth(dataset).crowding() == {}
    dataset['images'][0]['crowdIndex'] = .25
    assert GroundTruth(dataset).crowding() == {5: .25}
    dataset['images'][0]['crowdIndex'] = 'hard'
    with pytest.raises(InputError, match="image 5: 'crowdIndex'"):
        GroundTruth(dataset).crowding()


def test_from_file(dataset, tmp_path):
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(dataset))
    assert len(GroundTruth.from_file(str(path)).annotations) == 1
    path.write_text(json.dumps(dataset)[:-5])
    with pytest.raises(InputError, match='val.json is not JSON'):
        GroundTruth.from_file(str(path))
    with pytest.raises(InputError, match='other.json: No such file'):
        GroundTruth.from_file(str(tmp_path / 'other.json'))


def test_a_person_without_a_valid_face_is_ignored_where_it_is(dataset):
    person = dataset['annotations'][0]
    dataset['annotations'].append(dict(person, id=72, face_box=[2, 3, 4, 4]))
    dataset['annotations'].append(
        dict(person, id=73, face_box=[2, 3, 4, 4], iscrowd=1))
    none, face, crowd = GroundTruth(
        dataset, metrics=['face']).coco_annotations('face')
    assert none['iscrowd'] == 1 and none['bbox'] == [1, 2, 10, 8]
    assert face['iscrowd'] == 0 and face['bbox'] == [2, 3, 4, 4]
    assert face['area'] == 16
    assert crowd['iscrowd'] == 1 and crowd['bbox'] == [1, 2, 10, 8]
