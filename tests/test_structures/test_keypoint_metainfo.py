import sys

import pytest

from mmhqnet.errors import InputError
from mmhqnet.structures import keypoint_metainfo
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo


@pytest.mark.parametrize('name, num_keypoints', [('coco', 17), ('ochuman', 17),
                                                 ('humanart', 17),
                                                 ('crowdpose', 14)])
def test_keypoints_of_known_data_sets(name, num_keypoints):
    meta = load_keypoint_metainfo(name)
    assert meta['num_keypoints'] == num_keypoints
    for key in ('keypoint_names', 'flip_indices', 'sigmas'):
        assert len(meta[key]) == num_keypoints
    assert all(0 <= i < num_keypoints and 0 <= j < num_keypoints
               for i, j in meta['skeleton_links'])


@pytest.mark.parametrize('name', ['coco', 'crowdpose'])
def test_a_flip_swaps_left_and_right(name):
    meta = load_keypoint_metainfo(name)
    names, flip = meta['keypoint_names'], meta['flip_indices']
    for i, keypoint in enumerate(names):
        assert flip[flip[i]] == i
        mirrored = keypoint.replace('left',
                                    '#').replace('right',
                                                 'left').replace('#', 'right')
        assert names[flip[i]] == mirrored
    assert sorted(meta['flip_pairs']) == sorted(
        (i, j) for i, j in enumerate(flip) if i < j)


def test_coco_numbers():
    meta = load_keypoint_metainfo()
    assert meta['keypoint_names'][0] == 'nose'
    assert meta['keypoint_names'][16] == 'right_ankle'
    assert meta['flip_pairs'] == [(i, i + 1) for i in range(1, 17, 2)]
    assert meta['sigmas'] == pytest.approx([
        sigma / 10 for sigma in (.26, .25, .25, .35, .35, .79, .79, .72, .72,
                                 .62, .62, 1.07, 1.07, .87, .87, .89, .89)
    ])


def test_what_is_returned_can_be_changed_safely():
    load_keypoint_metainfo()['sigmas'].clear()
    assert len(load_keypoint_metainfo()['sigmas']) == 17


@pytest.fixture
def mmpose_files():
    """Mmpose's descriptions, if it is installed."""
    pytest.importorskip('mmpose')
    folder, = keypoint_metainfo._mmpose_dataset_configs()
    return folder


@pytest.mark.parametrize('name', keypoint_metainfo.DESCRIBED_HERE)
def test_equal_to_mmpose(name, mmpose_files):
    assert load_keypoint_metainfo(name) == keypoint_metainfo._read(
        mmpose_files / f'{name}.py')


def test_other_data_sets_of_mmpose(mmpose_files, monkeypatch):
    for module in [m for m in sys.modules if m.split('.')[0] == 'mmpose']:
        monkeypatch.delitem(sys.modules, module)
    meta = load_keypoint_metainfo('halpe26')
    assert meta['keypoint_names'][17:20] == ['head', 'neck', 'hip']
    assert len(meta['sigmas']) == 26
    assert 'mmpose' not in sys.modules


def test_own_description_file(tmp_path):
    path = tmp_path / 'two.py'
    path.write_text('dataset_info = dict(keypoint_info={'
                    "0: dict(name='left', id=0, swap='right'),"
                    "1: dict(name='right', id=1, swap='left')},"
                    "skeleton_info={0: dict(link=('left', 'right'))},"
                    'sigmas=[.1, .2])')
    assert load_keypoint_metainfo(str(path)) == dict(
        num_keypoints=2,
        keypoint_names=['left', 'right'],
        flip_indices=[1, 0],
        flip_pairs=[(0, 1)],
        skeleton_links=[(0, 1)],
        sigmas=[.1, .2])


def test_a_file_without_keypoints_is_named(tmp_path):
    path = tmp_path / 'empty.py'
    path.write_text('dataset_info = dict(sigmas=[])')
    with pytest.raises(InputError, match='empty.py.*keypoint_info'):
        load_keypoint_metainfo(str(path))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match="describes 'cooc'.*coco, .*ochuman"):
        load_keypoint_metainfo('cooc')
    with pytest.raises(InputError, match='no such file: absent.py'):
        load_keypoint_metainfo('absent.py')


def test_without_mmpose_the_message_says_how_to_get_more(monkeypatch):
    monkeypatch.setattr(keypoint_metainfo, 'find_spec', lambda name: None)
    assert load_keypoint_metainfo('crowdpose')['num_keypoints'] == 14
    with pytest.raises(InputError, match='pip install --no-deps mmpose'):
        load_keypoint_metainfo('halpe26')
