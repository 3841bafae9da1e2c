import pytest
import torch

PACK = dict(type='PackHumanInputs')


def test_the_sample_contract(load_tiny, apply):
    packed = apply(load_tiny(1), PACK)
    assert packed['inputs'].shape == (3, 80, 100)
    sample = packed['data_samples']
    persons, crowds = sample.gt_instances, sample.ignored_instances
    assert len(persons) == 2 and len(crowds) == 1
    expected = dict(
        labels=((), torch.int64),
        mask_valid=((), torch.bool),
        keypoints=((17, 2), torch.float32),
        keypoints_visible=((17, ), torch.float32),
        areas=((), torch.float32),
        genders=((), torch.int64),
        ages=((), torch.int64),
        face_boxes=((4, ), torch.float32),
        face_valid=((), torch.bool))
    for instances in (persons, crowds):
        assert set(instances.keys()) == {'bboxes', 'masks', *expected}
        for key, (shape, dtype) in expected.items():
            assert instances[key].shape == (len(instances), *shape), key
            assert instances[key].dtype == dtype, key
        assert instances.bboxes.tensor.shape == (len(instances), 4)
        assert len(instances.masks) == len(instances)
    assert persons.ages.tolist() == [27, -1]
    assert persons.genders.tolist() == [1, -1]
    assert persons.mask_valid.tolist() == [True, False]
    assert persons.areas.tolist() == [1000, 900]
    assert crowds.areas.tolist() == [80]
    assert sample.ori_shape == (80, 100) and sample.img_id == 1


@pytest.mark.parametrize('image, num_crowds', [(2, 1), (3, 0)])
def test_images_without_persons(load_tiny, apply, image, num_crowds):
    sample = apply(load_tiny(image), PACK)['data_samples']
    persons = sample.gt_instances
    assert len(sample.ignored_instances) == num_crowds and len(persons) == 0
    assert persons.bboxes.tensor.shape == (0, 4)
    assert persons.keypoints.shape == (0, 17, 2)
    assert persons.keypoints_visible.shape == (0, 17)
    assert persons.masks.masks.shape == (0, 80, 100)
    assert persons.genders.dtype == persons.ages.dtype == torch.int64


def test_extra_fields_follow_their_person(tiny, make_dataset):
    tiny['annotations'][1]['face_box'] = [60, 5, 10, 10]
    tiny['annotations'][2]['face_box'] = [0, 0, 2, 2]
    dataset = make_dataset(
        tiny,
        extra_fields=('face_box', ),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadHumanAnnotations'), PACK
        ])
    sample = dataset[0]['data_samples']
    assert sample.gt_instances.extra_fields == [{},
                                                dict(face_box=[60, 5, 10, 10])]
    assert sample.ignored_instances.extra_fields == [
        dict(face_box=[0, 0, 2, 2])
    ]


def test_images_without_annotations(crowded_photo, apply):
    plain = {
        key: value
        for key, value in crowded_photo().items() if not key.startswith('gt_')
    }
    sample = apply(plain, PACK)['data_samples']
    assert len(sample.gt_instances) == 0
