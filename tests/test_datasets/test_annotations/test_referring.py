import pickle
from pathlib import Path

import numpy as np
import pytest

from mmhqnet.datasets.annotations.referring import (add_prompts, mask_of,
                                                    read_refcoco,
                                                    refcoco_captions)
from mmhqnet.errors import InputError


def person(number, image_id=1, **fields):
    x = 20 * number
    return dict(
        id=number,
        image_id=image_id,
        category_id=1,
        iscrowd=0,
        bbox=[x, 5, 15, 30],
        area=450,
        segmentation=[[x, 5, x + 15, 5, x + 15, 35, x, 35]],
        keypoints=[x + 5, 10, 2] * 17,
        **fields)


@pytest.fixture
def content():
    return dict(
        images=[dict(id=1, file_name='a.jpg', height=50, width=80)],
        annotations=[person(1), person(2)],
        categories=[dict(id=1, name='person')])


def test_a_sample_per_person_and_caption_with_points_on_the_person(content):
    result = add_prompts(content, {1: ['left', 'the left one']})
    assert [image.get('caption')
            for image in result['images']] == ['left', 'the left one', None]
    assert {image['file_name'] for image in result['images']} == {'a.jpg'}
    assert [image['id'] for image in result['images']] == [1, 2, 3]
    assert [ann['image_id'] for ann in result['annotations']] == [1, 2, 3]
    for annotation in result['annotations']:
        scribbles = np.reshape(annotation['scribble'], (5, 12, 2))
        mask = mask_of(annotation, 50, 80)
        assert mask[scribbles[..., 1], scribbles[..., 0]].all()


def test_the_same_seed_gives_the_same_file(content):
    assert add_prompts(content, {}) == add_prompts(content, {})
    assert add_prompts(content, {}) != add_prompts(content, {}, seed=1)


@pytest.mark.parametrize('change', [
    dict(iscrowd=1),
    dict(keypoints=[0] * 51),
    dict(area=10),
    dict(segmentation=[]),
])
def test_persons_that_nobody_would_ask_for_are_left_out(content, change):
    content['annotations'][0].update(change)
    result = add_prompts(content, {})
    assert len(result['annotations']) == 1


def test_a_broken_mask_is_named(content):
    content['annotations'][1]['segmentation'] = [[1, 2]]
    with pytest.raises(InputError, match='annotation 2: field segmentation'):
        add_prompts(content, {})


REFS = [
    dict(
        ann_id=1,
        split='train',
        sentences=[dict(sent='left'),
                   dict(sent='the left one')]),
    dict(ann_id=1, split='train', sentences=[dict(sent='first')]),
    dict(ann_id=2, split='val', sentences=[dict(sent='right')])
]


def test_refcoco_by_annotation(tmp_path):
    path = tmp_path / 'refs(unc).p'
    path.write_bytes(pickle.dumps(REFS, protocol=2))
    captions = refcoco_captions(read_refcoco(str(path)), 'train')
    assert captions == {1: ['left', 'the left one', 'first']}


@pytest.mark.parametrize('bad', [
    pickle.dumps([Path('x')]),
    pickle.dumps([dict(ann_id=1)]),
    pickle.dumps(3), b'not a pickle'
])
def test_other_pickles_are_refused(tmp_path, bad):
    path = tmp_path / 'refs.p'
    path.write_bytes(bad)
    with pytest.raises(InputError, match='refs.p'):
        read_refcoco(str(path))
    with pytest.raises(InputError, match='No such file'):
        read_refcoco(str(tmp_path / 'missing.p'))
