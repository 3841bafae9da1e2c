import pytest

from mmhqnet.errors import InputError
from mmhqnet.models.layers import resolve_part_groups
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo


@pytest.mark.parametrize('data_set', ['coco', 'crowdpose'])
def test_defaults_are_mirror_images(data_set):
    """A flip turns parts into parts, and leaves no keypoint out."""
    metainfo = load_keypoint_metainfo(data_set)
    parts = resolve_part_groups(None, metainfo['num_keypoints'])
    assert len(parts) == 7
    mirrored = {
        frozenset(metainfo['flip_indices'][k] for k in part)
        for part in parts
    }
    assert mirrored == {frozenset(part) for part in parts}
    assert sorted(sum(parts, ())) == list(range(metainfo['num_keypoints']))


def test_parts_of_another_skeleton():
    assert resolve_part_groups([[2, 0], [1]], 3) == ((2, 0), (1, ))


@pytest.mark.parametrize('parts, number',
                         [([[0, 1]], 3), ([[0, 1], [1, 2]], 3),
                          ([[0, 1, 2], []], 3), ([[0, 3]], 2)])
def test_no_partition(parts, number):
    with pytest.raises(InputError, match=f'0 to {number - 1} must be in '):
        resolve_part_groups(parts, number)


def test_no_default():
    with pytest.raises(InputError, match='no default for 21 keypoints'):
        resolve_part_groups(None, 21)
