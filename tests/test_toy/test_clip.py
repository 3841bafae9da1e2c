"""Drawn clips: people move as bodies do, and their labels follow them."""
import numpy as np
import pytest
from pycocotools import mask as mask_codec

from mmhqnet.toy.clip import draw_clip, sample_walk


@pytest.fixture(scope='module')
def clip():
    return list(draw_clip(np.random.default_rng(1), 64, 96, 24, 4))


def test_same_seed_same_clip(clip):
    again = list(draw_clip(np.random.default_rng(1), 64, 96, 24, 4))
    assert all(
        (a == b).all() and c == d for (a, c), (b, d) in zip(clip, again))


def test_the_camera_stands_still(clip):
    pictures = np.stack([picture for picture, _ in clip])
    nobody = np.ones(pictures.shape[1:3], bool)
    for _, persons in clip:
        for person in persons:
            x, y, w, h = person['bbox']
            nobody[max(y - 3, 0):y + h + 6, max(x - 8, 0):x + w + 8] = False
    nobody[40:] = False  # feet have shadows and things stand around
    assert nobody.any()
    still = pictures[:, nobody].astype(int)
    assert np.ptp(still, axis=0).mean() < 2


def test_identities_are_kept_and_masks_disjoint(clip):
    for _, persons in clip:
        ids = [person['track_id'] for person in persons]
        assert len(set(ids)) == len(ids)
        masks = [mask_codec.decode(p['segmentation']) for p in persons]
        assert not masks or np.sum(masks, 0).max() <= 1
    looks = {}  # gender and age belong to an identity
    for _, persons in clip:
        for person in persons:
            look = person['gender'], person['age']
            assert looks.setdefault(person['track_id'], look) == look


def test_boxes_move_little_from_frame_to_frame(clip):
    for (_, before), (_, after) in zip(clip, clip[1:]):
        earlier = {person['track_id']: person for person in before}
        for person in after:
            if person['track_id'] in earlier:
                # the lower border: heads and feet stay in the picture
                last = earlier[person['track_id']]['bbox']
                box = person['bbox']
                assert abs(box[1] + box[3] - last[1] - last[3]) <= 12


def test_people_meet_leave_and_come_back():
    rng = np.random.default_rng(0)
    walks = [sample_walk(rng, 192, 100, 110) for _ in range(60)]
    inside = np.array([(walk.x >= 0) & (walk.x < 192) for walk in walks])
    changes = np.diff(inside.astype(int), axis=1)
    left, returned = (changes < 0).any(1), (changes > 0).any(1)
    assert left.mean() > 0.1 and (left & returned).any()
    order = np.array([walk.x for walk in walks])
    crossed = np.sign(order[::2] - order[1::2])
    assert (np.ptp(crossed, axis=1) == 2).mean() > 0.2
    speeds = np.abs(np.diff(order, axis=1))
    assert speeds.max() < 0.035 * 110
