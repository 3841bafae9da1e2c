"""Panned clips: the pixels are the photo's, and boxes move with them."""
import numpy as np

from mmhqnet.toy.panned import make_up_attributes, pan_photo

PERSONS = [
    dict(bbox=[30, 20, 40, 60]),
    dict(bbox=[0, 0, 200, 120], iscrowd=1),
    dict(bbox=[150, 60, 20, 30])
]


def photo():
    """Every pixel has a colour of its own."""
    y, x = np.mgrid[:120, :200]
    return np.stack([x, y, x + y], -1).astype(np.uint8)


def test_boxes_are_where_the_pixels_are():
    clip = list(
        pan_photo(np.random.default_rng(0), photo(), PERSONS, (96, 64), 30))
    assert len(clip) == 30
    seen, rare = set(), 0
    for picture, persons in clip:
        assert picture.shape == (64, 96, 3)
        corner = picture[0, 0, :2].astype(int)  # its colour is its place
        for person in persons:
            seen.add(person['track_id'])
            x, y, w, h = person['bbox']
            left, top, width, height = PERSONS[person['track_id'] - 1]['bbox']
            assert x >= 0 and y >= 0 and x + w <= 96 and y + h <= 64
            assert x == max(left - corner[0], 0)
            assert y == max(top - corner[1], 0)
            crowd = person['track_id'] == 2
            enough = w * h >= 0.3 * width * height
            assert person['iscrowd'] == (crowd or not enough)
            rare += not crowd and not enough
    assert seen == {1, 2, 3} and rare


def test_pause_is_black_and_empty():
    clip = list(
        pan_photo(np.random.default_rng(0), photo(), PERSONS, (96, 64), 10, 4))
    assert len(clip) == 14
    for frame, (picture, persons) in enumerate(clip):
        paused = 5 <= frame < 9
        assert (picture.max() == 0) == paused
        assert not (paused and persons)


def test_window_larger_than_the_photo():
    clip = list(
        pan_photo(np.random.default_rng(0), photo(), PERSONS, (999, 999), 3))
    assert all(picture.shape == (120, 200, 3) for picture, _ in clip)
    assert all(len(persons) == 3 for _, persons in clip)


def test_attributes_are_made_up():
    content = dict(images=[dict(id=1)], annotations=PERSONS * 50)
    labelled = make_up_attributes(content, 1)
    assert labelled == make_up_attributes(content, 1)
    assert labelled['images'] is content['images']
    genders, ages = (
        {person.pop(key) for person in labelled['annotations']}
        for key in ('gender', 'age'))
    assert labelled['annotations'] == content['annotations']
    assert genders == {0, 1} and len(ages) > 50
    assert min(ages) >= 0 and max(ages) <= 84
