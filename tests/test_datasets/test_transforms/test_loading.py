import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmdet.structures.mask import PolygonMasks
from mmengine.dataset import Compose
from PIL import Image

from mmhqnet.datasets import LoadHumanAnnotations, LoadHumanImage
from mmhqnet.datasets.transforms.loading import is_cut_off
from mmhqnet.errors import InputError


def test_images_are_the_same_as_mmcvs(photos):
    for path in sorted((photos / 'images').iterdir())[:3]:
        ours = LoadHumanImage(to_float32=True)(dict(img_path=str(path)))
        theirs = LoadImageFromFile(to_float32=True)(dict(img_path=str(path)))
        np.testing.assert_equal(ours, theirs)


def test_whole_photos_are_not_called_truncated(photos):
    for path in (photos / 'images').iterdir():
        assert not is_cut_off(path.read_bytes())


@pytest.mark.parametrize('suffix, flags', [
    ('.jpg', []),
    ('.jpg', [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    ('.png', []),
])
@pytest.mark.parametrize('left', [.3, .6, .99])
def test_truncated_images(photos, tmp_path, suffix, flags, left):
    photo = cv2.imread(str(photos / 'images/000000000785.jpg'))
    content = cv2.imencode(suffix, photo, flags)[1].tobytes()
    path = tmp_path / f'photo{suffix}'
    path.write_bytes(content)
    assert LoadHumanImage()(dict(img_path=str(path)))['img'] is not None
    path.write_bytes(content[:int(left * len(content))])
    with pytest.raises(InputError, match=f'{path.name} is truncated'):
        LoadHumanImage()(dict(img_path=str(path)))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('tail', [
    b'\xff\xda\xff\xd8', b'IEND' + bytes(2000), b'\xff\xe0\xff\xff',
    bytes(range(256)) * 20
])
def test_what_follows_the_end_does_not_matter(photos, suffix, tail):
    """Phones append the video of a motion photo."""
    photo = cv2.imread(str(photos / 'images/000000000785.jpg'))
    content = cv2.imencode(suffix, photo)[1].tobytes()
    assert not is_cut_off(content + tail)
    assert is_cut_off(content[:-20])


def test_the_end_of_a_thumbnail_is_not_the_end():
    photo = cv2.imencode('.jpg', np.zeros((60, 80, 3), np.uint8))[1].tobytes()
    exif = b'\xff\xe1' + (2 + len(photo)).to_bytes(2, 'big') + photo
    content = photo[:2] + exif + photo[2:]
    assert not is_cut_off(content)
    assert is_cut_off(content[:-2])


def test_images_that_nobody_labelled(photos):
    load = Compose([LoadHumanImage(), LoadHumanAnnotations()])
    path = str(photos / 'images/000000000785.jpg')
    assert set(load(
        dict(img_path=path))) == {'img_path', 'img', 'img_shape', 'ori_shape'}


@pytest.mark.parametrize('content', [b'', b'<html></html>', b'\xff\xd8\xff'])
def test_files_that_are_no_image(tmp_path, content):
    path = tmp_path / 'page.jpg'
    path.write_bytes(content)
    with pytest.raises(InputError, match='page.jpg') as error:
        LoadHumanImage()(dict(img_path=str(path)))
    assert len(str(error.value).splitlines()) == 1


def test_missing_images(tmp_path):
    path = str(tmp_path / 'absent.jpg')
    with pytest.raises(InputError, match='absent.jpg: No such file.*data_'):
        LoadHumanImage()(dict(img_path=path))
    assert LoadHumanImage(ignore_empty=True)(dict(img_path=path)) is None


def test_fields_shapes_and_types(load_tiny):
    sample = load_tiny(1)
    expected = dict(
        gt_bboxes_labels=((3, ), np.int64),
        gt_ignore_flags=((3, ), bool),
        gt_mask_valid=((3, ), bool),
        gt_keypoints=((3, 17, 2), np.float32),
        gt_keypoints_visible=((3, 17), np.float32),
        gt_areas=((3, ), np.float32),
        gt_genders=((3, ), np.int64),
        gt_ages=((3, ), np.int64))
    for key, (shape, dtype) in expected.items():
        assert sample[key].shape == shape and sample[key].dtype == dtype, key
    assert sample['gt_bboxes'].tensor.tolist()[0] == [10, 20, 50, 70]
    assert sample['gt_ignore_flags'].tolist() == [False, False, True]
    assert sample['gt_genders'].tolist() == [1, -1, -1]
    assert sample['gt_ages'].tolist() == [27, -1, -1]
    assert sample['gt_areas'].tolist() == [1000, 900, 80]


def test_keypoints(load_tiny):
    sample = load_tiny(1)
    visible = np.array([2 - k % 3 for k in range(17)])
    points = np.array([(20 + k, 30 + 2 * k) for k in range(17)])
    np.testing.assert_equal(sample['gt_keypoints_visible'][0], visible)
    np.testing.assert_equal(sample['gt_keypoints'][0],
                            points * (visible > 0)[:, None])
    assert not sample['gt_keypoints'][1:].any()
    assert not sample['gt_keypoints_visible'][1:].any()


def test_masks(load_tiny):
    sample = load_tiny(1)
    assert sample['gt_mask_valid'].tolist() == [True, False, True]
    masks = sample['gt_masks'].masks
    assert masks.shape == (3, 80, 100)
    assert masks[0, 20:70, 10:50].all() and masks[0].sum() == 50 * 40
    assert not masks[1].any()
    # A run-length code runs down the first column.
    assert masks[2].sum() == 10 and masks[2, :10, 0].all()


@pytest.mark.parametrize('polygons', [[], [[1, 2, 3, 4]], None])
def test_a_person_without_a_proper_mask_stays(tiny, make_dataset, polygons):
    tiny['annotations'][0]['segmentation'] = polygons
    dataset = make_dataset(
        tiny,
        pipeline=[
            dict(type='LoadHumanImage'),
            dict(type='LoadHumanAnnotations')
        ])
    sample = dataset[0]
    assert sample['gt_mask_valid'].tolist() == [False, False, True]
    assert sample['gt_ignore_flags'].tolist() == [False, False, True]
    assert sample['gt_genders'].tolist() == [1, -1, -1]


def test_polygon_masks(tiny, make_dataset):
    dataset = make_dataset(
        tiny,
        pipeline=[
            dict(type='LoadHumanImage'),
            dict(type='LoadHumanAnnotations', poly2mask=False)
        ])
    sample = dataset[0]
    assert isinstance(sample['gt_masks'], PolygonMasks)
    # A run-length code is no polygon.
    assert sample['gt_mask_valid'].tolist() == [True, False, False]
    assert sample['gt_masks'].areas.tolist() == [2000, 0, 0]


def test_image_without_persons(load_tiny):
    sample = load_tiny(3)
    assert sample['gt_bboxes'].tensor.shape == (0, 4)
    assert sample['gt_keypoints'].shape == (0, 17, 2)
    assert sample['gt_keypoints_visible'].shape == (0, 17)
    assert sample['gt_masks'].masks.shape == (0, 80, 100)
    for key in ('mask_valid', 'areas', 'genders', 'ages', 'ignore_flags'):
        assert sample[f'gt_{key}'].shape == (0, )


def test_tasks_can_be_left_out(tiny, make_dataset):
    load = dict(
        type='LoadHumanAnnotations',
        with_mask=False,
        with_keypoints=False,
        with_attributes=False)
    sample = make_dataset(
        tiny, pipeline=[dict(type='LoadHumanImage'), load])[0]
    assert {key
            for key in sample if key.startswith('gt_')} == {
                'gt_bboxes', 'gt_bboxes_labels', 'gt_ignore_flags', 'gt_areas',
                'gt_face_boxes', 'gt_face_valid'
            }
    assert 'with_attributes=False' in repr(
        LoadHumanAnnotations(with_attributes=False))


def test_extra_fields_are_one_dict_per_person(tiny, make_dataset):
    tiny['annotations'][1]['face_box'] = [60, 5, 10, 10]
    sample = make_dataset(
        tiny,
        extra_fields=('face_box', ),
        pipeline=[
            dict(type='LoadHumanImage'),
            dict(type='LoadHumanAnnotations')
        ])[0]
    assert list(sample['gt_extra_fields']) == [{},
                                               dict(face_box=[60, 5, 10, 10]),
                                               {}]


def test_masks_of_another_photo(tiny, make_dataset, tmp_path):
    dataset = make_dataset(tiny)
    cv2.imwrite(str(tmp_path / '1.png'), np.zeros((40, 50, 3), np.uint8))
    load = Compose(
        [dict(type='LoadHumanImage'),
         dict(type='LoadHumanAnnotations')])
    with pytest.raises(InputError, match=r'1.png .*\(40, 50\).*\(80, 100\)'):
        load(dataset.get_data_info(0))


def test_photos_that_exif_rotates_are_named(tiny, make_dataset, tmp_path):
    """Readers turn them upright, and the labels lie on their side."""
    photo = Image.fromarray(np.zeros((80, 100, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    tiny['images'][0]['file_name'] = '1.jpg'
    dataset = make_dataset(tiny, pipeline=[dict(type='LoadImageFromFile')])
    photo.save(tmp_path / '1.jpg', exif=exif)
    with pytest.raises(
            InputError,
            match=r'1.jpg .*\(100, 80\), but \(80, 100\).*EXIF.*ignore'):
        dataset[0]
    lying = LoadHumanImage(color_type='color_ignore_orientation')
    assert lying(dataset.get_data_info(0))['img'].shape == (80, 100, 3)


def test_faces_of_uni_human_and_whole_body(tiny, make_dataset):
    valid, invalid, crowd = tiny['annotations'][:3]
    valid.update(face_box=[15, 22, 10, 12])
    valid['valid']['face'] = 1
    invalid.update(face_box=[65, 8, 10, 12], face_valid=False)
    crowd.update(face_box=[0, 0, 0, 0], face_valid=True)
    dataset = make_dataset(
        tiny,
        pipeline=[
            dict(type='LoadHumanImage'),
            dict(type='LoadHumanAnnotations')
        ])
    sample = dataset[0]
    assert sample['gt_face_valid'].tolist() == [True, False, False]
    assert sample['gt_face_boxes'].tolist() == [[15, 22, 25, 34], [0] * 4,
                                                [0] * 4]
