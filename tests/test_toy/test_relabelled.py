"""The drawn people with other labels."""
from mmhqnet.datasets.annotations.rules import find_problems
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo
from mmhqnet.structures.person_fields import resolve_fields
from mmhqnet.toy.relabelled import GARMENTS, crowdpose_keypoints, relabel
from mmhqnet.toy.scene import KEYPOINT_NAMES

BODY = load_keypoint_metainfo('crowdpose')
NAMES = BODY['keypoint_names']


def person(**places):
    """Triples of COCO's keypoints; those not named are not labelled."""
    return [
        value for name in KEYPOINT_NAMES
        for value in places.get(name, [0, 0, 0])
    ]


def named(keypoints):
    return {name: keypoints[3 * i:3 * i + 3] for i, name in enumerate(NAMES)}


def test_joints_keep_their_names_and_the_head_gets_two():
    points = named(
        crowdpose_keypoints(
            person(
                left_knee=[5, 6, 1],
                left_shoulder=[20, 40, 2],
                right_shoulder=[10, 40, 1],
                left_eye=[16, 20, 2],
                right_eye=[14, 20, 2]), NAMES))
    assert points['left_knee'] == [5, 6, 1]
    assert points['neck'] == [15, 40, 1]
    assert points['top_head'] == [15, 10, 1]
    assert points['right_knee'] == [0, 0, 0]


def test_without_a_shoulder_there_is_no_neck():
    points = named(
        crowdpose_keypoints(
            person(
                left_shoulder=[20, 40, 2],
                left_eye=[16, 20, 2],
                right_eye=[14, 20, 2]), NAMES))
    assert points['neck'] == points['top_head'] == [0, 0, 0]


def test_file_is_one_of_a_data_set():
    content = dict(
        images=[dict(id=1, file_name='1.jpg', height=90, width=90)],
        categories=[dict(id=1, name='person', keypoints=[], skeleton=[])],
        annotations=[
            dict(
                id=1,
                image_id=1,
                category_id=1,
                iscrowd=0,
                bbox=[10, 10, 30, 60],
                area=900,
                segmentation=[[10, 10, 40, 10, 40, 70]],
                keypoints=person(left_knee=[20, 60, 2]),
                gender=1,
                age=30,
                clothes='a green dress',
                valid={})
        ])
    other = relabel(content)
    annotation, = other['annotations']
    assert annotation['garment'] == 'dress' and annotation[
        'garment'] in GARMENTS
    assert not {'gender', 'age', 'clothes'} & set(annotation)
    assert annotation['num_keypoints'] == 1
    assert other['categories'][0]['keypoints'] == NAMES
    fields = resolve_fields(
        dict(garment=dict(type='category', classes=GARMENTS)), BODY)
    assert list(find_problems(other, fields, (), ('person', ))) == []
    assert 'gender' in content['annotations'][0]  # left as it was
