import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config

from mmhqnet.datasets import CocoUniHumanDataset, LoadHumanImage
from mmhqnet.errors import InputError
from mmhqnet.registry import DATASETS
from mmhqnet.structures.person_fields import fields_in

FILTER = dict(filter_empty_gt=True, min_size=32)


def test_instances(tiny, make_dataset):
    instances = make_dataset(tiny)[0]['instances']
    full, unlabelled, crowd = instances
    assert full['bbox'] == [10, 20, 50, 70] and full['bbox_label'] == 0
    assert (full['area'], full['gender'], full['age']) == (1000., 1, 27)
    assert full['mask'] == tiny['annotations'][0]['segmentation']
    assert full['keypoints'].shape == (17, 3)
    assert full['keypoints'][3].tolist() == [23, 36, 2]
    assert full['keypoints'][2].tolist() == [0, 0, 0]  # visibility 0
    assert (unlabelled['gender'], unlabelled['age']) == (-1, -1)
    assert 'mask' not in unlabelled and not unlabelled['keypoints'].any()
    assert [p['ignore_flag'] for p in instances] == [0, 0, 1]
    assert 'extra_fields' not in full


@pytest.mark.parametrize('flag', ['gender', 'age'])
def test_invalid_attributes_are_unlabelled(tiny, make_dataset, flag):
    tiny['annotations'][0]['valid'][flag] = 0
    person = make_dataset(tiny)[0]['instances'][0]
    assert person[flag] == -1
    other = {'gender': 'age', 'age': 'gender'}[flag]
    assert person[other] == tiny['annotations'][0][other]


def test_invalid_keypoints_masks_and_boxes(tiny, make_dataset):
    valid = tiny['annotations'][0]['valid']
    valid.update(keypoints_2d=0, segmentation=0)
    person = make_dataset(tiny)[0]['instances'][0]
    assert not person['keypoints'].any() and 'mask' not in person
    valid.update(bboxes=0)
    instances = make_dataset(tiny)[0]['instances']
    assert [p['area'] for p in instances] == [900., 80.]


@pytest.mark.parametrize('age, expected', [(0, 0), (84, 84), (85, 84),
                                           (26.6, 27), (-1, -1)])
def test_ages_are_classes(tiny, make_dataset, age, expected):
    tiny['annotations'][0]['age'] = age
    assert make_dataset(tiny)[0]['instances'][0]['age'] == expected


@pytest.mark.parametrize('change', [
    dict(ignore=True),
    dict(area=0),
    dict(bbox=[10, 20, .5, 50]),
    dict(bbox=[200, 200, 40, 50])
])
def test_persons_that_are_left_out(tiny, make_dataset, change):
    tiny['annotations'][0].update(change)
    instances = make_dataset(tiny)[0]['instances']
    # The labels of the others stay theirs.
    assert [p['area'] for p in instances] == [900., 80.]
    assert [p['gender'] for p in instances] == [-1, -1]


def test_other_categories_are_left_out(tiny, make_dataset):
    tiny['categories'].append(dict(id=2, name='dog'))
    tiny['annotations'].insert(
        0, dict(id=9, image_id=1, category_id=2, bbox=[0, 0, 9, 9], area=9))
    dataset = make_dataset(tiny)
    assert len(dataset[0]['instances']) == 3
    assert {p['bbox_label'] for p in dataset[0]['instances']} == {0}


def test_other_classes(tiny, make_dataset):
    faces = dict(classes=('face', ))
    with pytest.raises(InputError, match="category named 'face'"):
        make_dataset(tiny, metainfo=faces)
    tiny['categories'] = [dict(id=1, name='face')]
    dataset = make_dataset(tiny, metainfo=faces)
    assert [p['bbox_label'] for p in dataset[0]['instances']] == [0, 0, 0]


def test_training_keeps_images_with_any_person(tiny, make_dataset):
    tiny['images'].append(dict(id=4, file_name='4.png', height=31, width=100))
    tiny['annotations'].append({
        **tiny['annotations'][1], 'id': 20,
        'image_id': 4
    })
    assert len(make_dataset(tiny)) == 4
    assert len(make_dataset(tiny, filter_cfg=FILTER, test_mode=True)) == 4
    kept = make_dataset(tiny, filter_cfg=FILTER)
    assert [kept.get_data_info(i)['img_id'] for i in range(len(kept))] == [
        1,
        2  # 2 has only a crowd, 3 nobody, 4 is too small
    ]


def test_no_images_left(tiny, make_dataset):
    with pytest.raises(InputError, match='none of its 3 images.*filter_cfg'):
        make_dataset(tiny, filter_cfg=dict(min_size=500))
    with pytest.raises(InputError, match='none of its 0 images'):
        make_dataset(dict(tiny, images=[], annotations=[]), test_mode=True)


def test_extra_fields(tiny, make_dataset):
    smpl = dict(pose=[0.5] * 72, betas=[0.] * 10)
    tiny['annotations'][0].update(face_box=[1, 2, 3, 4], smpl=smpl)
    tiny['annotations'][1].update(
        face_box=[5, 6, 7, 8], valid=dict(face=0), dense_pose=dict(dp_I=[]))
    dataset = make_dataset(tiny, extra_fields=('face_box', 'smpl'))
    extra = [p['extra_fields'] for p in dataset[0]['instances']]
    assert extra == [dict(face_box=[1, 2, 3, 4], smpl=smpl), {}, {}]
    # The flags themselves can be kept, too.
    dataset = make_dataset(tiny, extra_fields=('valid', ))
    extra = [p['extra_fields'] for p in dataset[0]['instances']]
    assert extra == [
        dict(valid=tiny['annotations'][0]['valid']),
        dict(valid=dict(face=0)), {}
    ]
    with pytest.raises(InputError, match="unknown field 'tail'.*face_box"):
        make_dataset(tiny, extra_fields=('tail', ))


def test_plain_coco_keypoints(photos):
    dataset = CocoUniHumanDataset(
        ann_file='person_keypoints.json',
        data_root=str(photos),
        data_prefix=dict(img='images'))
    persons = [p for i in range(len(dataset)) for p in dataset[i]['instances']]
    assert len(dataset) == 13 and len(persons) == 67
    assert sum(p['ignore_flag'] for p in persons) == 2
    assert sum(p['keypoints'].any() for p in persons) == 44
    assert {p['gender']
            for p in persons} == {p['age']
                                  for p in persons} == {-1}


def test_metainfo(tiny, make_dataset):
    meta = make_dataset(tiny).metainfo
    assert meta['classes'] == ('person', ) and len(meta['palette']) == 1
    assert meta['num_keypoints'] == len(meta['sigmas']) == 17
    assert meta['flip_indices'][5] == 6
    assert 'num_keypoints' not in CocoUniHumanDataset.METAINFO
    assert make_dataset(
        tiny,
        metainfo=dict(palette=[(1, 2, 3)])).metainfo['palette'] == [(1, 2, 3)]


def test_other_keypoint_sets(tiny, make_dataset):
    with pytest.raises(InputError, match="annotation 11.*'keypoints'.* 42"):
        make_dataset(tiny, keypoint_metainfo='crowdpose')
    for annotation in tiny['annotations']:
        if 'keypoints' in annotation:
            annotation['keypoints'] = annotation['keypoints'][:42]
    dataset = make_dataset(tiny, keypoint_metainfo='crowdpose')
    assert dataset.metainfo['num_keypoints'] == 14
    assert dataset[0]['instances'][1]['keypoints'].shape == (14, 3)
    assert len(dataset[0]['flip_indices']) == 14


def test_lazy_init(tiny, make_dataset, tmp_path):
    absent = CocoUniHumanDataset(
        ann_file=str(tmp_path / 'absent.json'), lazy_init=True)
    assert absent.metainfo['num_keypoints'] == 17
    with pytest.raises(InputError, match='cannot read .*absent.json'):
        absent.full_init()
    lazy, eager = make_dataset(tiny, lazy_init=True), make_dataset(tiny)
    assert lazy.metainfo == eager.metainfo
    lazy.full_init()
    assert len(lazy) == len(eager) == 3
    np.testing.assert_equal(lazy[0], eager[0])


@pytest.mark.parametrize('field, value, message', [
    ('age', 300, "annotation 11: 'age' must be a number from 0 to 85, found "
     '300'),
    ('gender', 2, "annotation 11: 'gender' must be 0"),
    ('keypoints', [1, 2, 2], "annotation 11: 'keypoints' must be 51 numbers"),
    ('bbox', [1, 2, 3], "annotation 11: 'bbox' must be 4 numbers"),
    ('image_id', 77, "annotation 11: 'image_id' must be the id of"),
    ('id', 12, "annotation 12: 'id' must be unique"),
])
def test_malformed_annotations_are_named_in_one_line(tiny, make_dataset, field,
                                                     value, message):
    tiny['annotations'][0][field] = value
    with pytest.raises(InputError) as error:
        make_dataset(tiny)
    assert message in str(error.value)
    assert 'annotations.json: ' in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize('content, message', [
    ('{"images": [', 'is not JSON'),
    ('[]', 'must be a dict with images'),
    ('{"images": [], "annotations": []}', "'categories' must be there"),
    ('{"images": [], "categories": [{"id": 1, "name": "person"}]}',
     "'annotations' must be there"),
    ('{"images": [], "annotations": [], "categories": '
     '[{"id": 1, "name": "dog"}]}', "category named 'person', found \\['dog'"),
])
def test_malformed_files(make_dataset, content, message):
    with pytest.raises(InputError, match=f'annotations.json.*{message}'):
        make_dataset(content)


def test_images_are_read_with_a_check(tiny, make_dataset):
    for step in ('LoadImageFromFile', LoadImageFromFile):
        dataset = make_dataset(
            tiny, pipeline=[dict(type=step, to_float32=True)])
        reader, = dataset.pipeline.transforms
        assert isinstance(reader, LoadHumanImage) and reader.to_float32


def test_the_published_pipelines_run_on_real_photos(photos):
    config = Config.fromfile(photos.parents[2] /
                             'configs/_base_/datasets/coco_unihuman.py')
    for loader in (config.train_dataloader, config.val_dataloader):
        dataset = DATASETS.build({
            **loader.dataset, 'data_root': str(photos),
            'ann_file': 'person_keypoints.json',
            'data_prefix': dict(img='images')
        })
        for i in (0, 1):
            sample = dataset[i]
            height, width = sample['inputs'].shape[1:]
            persons = sample['data_samples'].gt_instances
            assert sample['data_samples'].img_shape == (height, width)
            assert min(height, width) <= 800 and max(height, width) <= 1333
            assert len(persons.keypoints) == len(persons.masks) > 0


def test_a_test_set_needs_no_annotations(tiny, make_dataset):
    del tiny['annotations']
    with pytest.raises(InputError, match="'annotations' must be there"):
        make_dataset(tiny)
    dataset = make_dataset(tiny, test_mode=True)
    assert [dataset[i]['instances'] for i in range(3)] == [[], [], []]


ADDED = dict(
    helmet=dict(type='category', classes=('none', 'helmet')),
    height_cm=dict(type='number', error=10))


def test_added_fields(tiny, make_dataset):
    full, partly, crowd = tiny['annotations'][:3]
    full.update(helmet='helmet', height_cm=181.5)
    partly.update(helmet=0, height_cm=90, valid=dict(height_cm=0))
    dataset = make_dataset(
        tiny,
        person_fields=ADDED,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadHumanAnnotations'),
            dict(type='PackHumanInputs')
        ])
    instances = dataset[0]['data_samples'].gt_instances
    assert instances.helmet.tolist() == [1, 0]
    assert instances.height_cm[0] == 181.5 and instances.height_cm[1].isnan()
    ignored = dataset[0]['data_samples'].ignored_instances
    assert ignored.helmet.tolist() == [-1]
    # Others read them from the metainfo.
    table = fields_in(dataset.metainfo)
    assert table['helmet'].classes == ('none', 'helmet')
    assert table == dataset.person_fields == dataset.get_data_info(
        0)['person_fields']


def test_malformed_added_fields(tiny, make_dataset):
    tiny['annotations'][0]['helmet'] = 'cap'
    with pytest.raises(InputError, match="annotation 11: 'helmet' must be 0"):
        make_dataset(tiny, person_fields=ADDED)
    with pytest.raises(InputError, match='person_fields.helmet: unknown opt'):
        make_dataset(
            tiny, person_fields=dict(helmet=dict(type='number', classes=1)))
