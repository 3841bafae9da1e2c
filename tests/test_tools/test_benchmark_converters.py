"""Converters of other data sets, on tiny files in the released formats."""
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmhqnet.datasets.annotations.rules import find_problems
from mmhqnet.structures.person_fields import resolve_fields

FOLDER = Path(__file__).parents[2] / 'tools/dataset_converters'


def convert(tool, content, tmp_path, out, *options):
    source = tmp_path / 'source.json'
    source.write_text(json.dumps(content))
    runpy.run_path(str(FOLDER / f'{tool}.py'))['main'](
        [str(source), str(tmp_path / out), *options])


def fails(tool, content, tmp_path, capsys, out='out.json', *options):
    with pytest.raises(SystemExit) as exit:
        convert(tool, content, tmp_path, out, *options)
    assert exit.value.code == 2
    assert not (tmp_path / 'out.json').exists()
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    return error


# The order of OCHuman's own 19 keypoints.
OCHUMAN_KEYPOINTS = [
    'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder',
    'left_elbow', 'left_wrist', 'right_hip', 'right_knee', 'right_ankle',
    'left_hip', 'left_knee', 'left_ankle', 'head', 'neck', 'right_ear',
    'left_ear', 'nose', 'right_eye', 'left_eye'
]


def ochuman(num_images=3):
    """One complete person per image and two incomplete ones."""
    keypoints = []
    for i in range(19):
        keypoints += [i, 2 * i, i % 4]
    person = dict(
        bbox=[10, 20, 40, 70],
        max_iou=.8,
        keypoints=keypoints,
        segms=dict(
            height=80,
            width=60,
            outer=[[10, 20, 40, 20, 40, 70, 10, 70]],
            inner=[[20, 30, 30, 30, 30, 50, 20, 50]]))
    images = [
        dict(
            image_id=f'{i:06d}',
            file_name=f'{i:06d}.jpg',
            height=80,
            width=60,
            annotations=[
                dict(person, segms=None),
                dict(person),
                dict(person, keypoints=None)
            ]) for i in range(num_images, 0, -1)
    ]
    images.append(dict(images[0], image_id='000099', annotations=[]))
    return dict(keypoint_names=OCHUMAN_KEYPOINTS, images=images)


def test_ochuman(tmp_path):
    convert('ochuman', ochuman(), tmp_path, 'out', '--num-val', '2')
    val, test = (
        json.loads(
            (tmp_path / 'out' /
             f'ochuman_coco_format_{split}_range_0.00_1.00.json').read_text())
        for split in ('val', 'test'))
    assert [i['file_name'] for i in val['images']
            ] == ['000001.jpg', '000002.jpg']  # by number, without empty ones
    assert [i['file_name'] for i in test['images']] == ['000003.jpg']
    assert [a['id'] for a in val['annotations']] == [1, 2]
    assert list(find_problems(val)) == []

    person = test['annotations'][0]
    assert person['image_id'] == test['images'][0]['id'] == 1
    assert person['bbox'] == [10, 20, 30, 50]
    assert person['area'] == 30 * 50  # of the box, not of the mask
    mask = mask_utils.decode(person['segmentation'])
    assert mask.sum() == 30 * 50 - 10 * 20 and mask[40, 25] == 0
    keypoints = np.reshape(person['keypoints'], (17, 3)).tolist()
    names = val['categories'][0]['keypoints']
    # 16: missing; 17: visible; 18: occluded by itself; 15: by others.
    assert keypoints[names.index('nose')] == [16, 32, 0]
    assert keypoints[names.index('right_eye')] == [17, 34, 2]
    assert keypoints[names.index('left_eye')] == [18, 36, 2]
    assert keypoints[names.index('left_ear')] == [15, 30, 1]
    assert person['num_keypoints'] == sum(v > 0 for _, _, v in keypoints)


def test_ochuman_errors(tmp_path, capsys):
    coco = dict(images=[], annotations=[], categories=[])
    assert 'not OCHuman' in fails('ochuman', coco, tmp_path, capsys)
    assert 'is the file complete' in fails('ochuman', ochuman(), tmp_path,
                                           capsys)


@pytest.mark.parametrize('field, value, message', [
    ('bbox', [1, 2, 3], "'bbox' must be 4 numbers"),
    ('bbox', None, "'bbox' must be 4 numbers"),
    ('keypoints', [1, 2], "'keypoints' must be x, y and visibility"),
    ('keypoints', [1, 2, 7] * 19, 'visibility (0 to 3) of 19 keypoints'),
    ('segms', dict(height=9), 'height and width of the image, [80, 60]'),
    ('segms', dict(height=80, width=60, outer=[[1, 'x']],
                   inner=[]), "'segms' must have polygons"),
    ('segms', dict(height=80, width=60, outer=[]), 'in inner'),
])
def test_malformed_persons_of_ochuman(tmp_path, capsys, field, value, message):
    broken = ochuman()
    broken['images'][0]['annotations'][1][field] = value
    error = fails('ochuman', broken, tmp_path, capsys, 'out', '--num-val', '2')
    assert 'source.json: image 000003: person 2: ' in error
    assert message in error and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('field, value', [('file_name', None), ('height', -1),
                                          ('width', 10**400)])
def test_malformed_images_of_ochuman(tmp_path, capsys, field, value):
    broken = ochuman()
    broken['images'][0][field] = value
    error = fails('ochuman', broken, tmp_path, capsys, 'out', '--num-val', '2')
    assert f"source.json: image 000003: '{field}'" in error


def test_polygons_of_two_points_enclose_nothing(tmp_path):
    content = ochuman()
    for image in content['images'][:3]:
        segments = image['annotations'][1]['segms']
        image['annotations'][1]['segms'] = dict(
            segments, outer=[[0, 0, 5, 5], *segments['outer']])
    convert('ochuman', content, tmp_path, 'out', '--num-val', '2')
    val = json.loads(
        (tmp_path / 'out' /
         'ochuman_coco_format_val_range_0.00_1.00.json').read_text())
    mask = mask_utils.decode(val['annotations'][0]['segmentation'])
    assert mask.sum() == 30 * 50 - 10 * 20


def crowdpose(width=640, height=480):
    """Released form: COCO's format, no area, the size of the image swapped."""
    keypoints = [[600, 400, 2]] + [[100, 100, 1]] * 6 + [[0, 0, 0]] * 7
    return dict(
        images=[
            dict(
                id=5,
                file_name='100005.jpg',
                width=width,
                height=height,
                crowdIndex=.3)
        ],
        categories=[dict(id=1, name='person')],
        annotations=[
            dict(
                id=1,
                image_id=5,
                category_id=1,
                iscrowd=0,
                bbox=[100, 100, 500, 300],
                num_keypoints=7,
                keypoints=sum(keypoints, []))
        ])


@pytest.mark.parametrize('width, height', [(640, 480), (480, 640)])
def test_crowdpose(tmp_path, width, height):
    convert('crowdpose', crowdpose(width, height), tmp_path, 'new/out.json')
    out = json.loads((tmp_path / 'new/out.json').read_text())
    assert out['annotations'][0]['area'] == pytest.approx(.53 * 500 * 300)
    assert out['images'][0] == crowdpose(640, 480)['images'][0]
    fields = resolve_fields(keypoints=dict(num_keypoints=14))
    assert list(find_problems(out, fields)) == []


def test_crowdpose_person_without_keypoints(tmp_path):
    content = crowdpose(640, 480)
    del content['annotations'][0]['keypoints']
    convert('crowdpose', content, tmp_path, 'out.json')
    out = json.loads((tmp_path / 'out.json').read_text())
    assert out['annotations'][0]['area'] == pytest.approx(.53 * 500 * 300)


def test_crowdpose_errors(tmp_path, capsys):
    broken = crowdpose()
    broken['annotations'][0]['keypoints'] = [0] * 51
    assert "annotation 1: 'keypoints' must be 42 numbers" in fails(
        'crowdpose', broken, tmp_path, capsys)
    for box in (None, [10**400] * 4):
        broken['annotations'][0]['bbox'] = box
        assert "annotation 1: 'bbox'" in fails('crowdpose', broken, tmp_path,
                                               capsys)


def person(annotation_id, **fields):
    return dict(
        id=annotation_id,
        image_id=5,
        category_id=1,
        iscrowd=0,
        area=100,
        bbox=[0, 0, 10, 10],
        **fields)


def wholebody(*annotations):
    return dict(
        images=[
            dict(id=5, file_name='5.jpg', width=64, height=48),
            dict(id=6, file_name='6.jpg', width=64, height=48)
        ],
        categories=[dict(id=1, name='person')],
        annotations=list(annotations))


def test_faces(tmp_path):
    convert(
        'wholebody_face',
        wholebody(
            person(7, face_box=[1, 2, 3.5, 4], face_valid=True),
            person(8, face_box=[1, 2, 3, 4], face_valid=False),
            person(9, face_box=[0, 0, 0, 0], face_valid=True),
            person(10, face_box=[5, 6, 7, 8], valid=dict(face=1)),
            person(11, face_box=[5, 6, 7, 8], valid=dict(face=0)), person(12)),
        tmp_path, 'out.json')
    out = json.loads((tmp_path / 'out.json').read_text())
    assert [image['id'] for image in out['images']] == [5, 6]
    assert out['categories'] == [
        dict(id=1, name='face', supercategory='person')
    ]
    common = dict(image_id=5, category_id=1, iscrowd=0)
    assert out['annotations'] == [
        dict(common, id=7, bbox=[1, 2, 3.5, 4], area=14),
        dict(common, id=10, bbox=[5, 6, 7, 8], area=56)
    ]


def test_face_errors(tmp_path, capsys):
    assert "no person has a valid 'face_box'" in fails('wholebody_face',
                                                       wholebody(person(7)),
                                                       tmp_path, capsys)
    broken = wholebody(person(7, face_box=[1, 2], face_valid=True))
    assert "annotation 7: 'face_box'" in fails('wholebody_face', broken,
                                               tmp_path, capsys)
