"""Nobody can be recognised, and the rest of the picture stays."""
from types import SimpleNamespace

import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.visualization.privacy import blur_persons, face_of

BOX = np.array([20., 10., 60., 90.])


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)


def test_faces_become_a_few_squares(image):
    face = np.array([30., 12., 50., 32.])
    person = SimpleNamespace(bbox=BOX, face_box=face)
    blurred = blur_persons(image, [person], 'face')
    changed = (blurred != image).any(-1)
    assert changed[12:32, 30:50].mean() > 0.99
    changed[9:36, 27:54] = False  # a margin
    assert not changed.any()
    colours = np.unique(blurred[12:32, 30:50].reshape(-1, 3), axis=0)
    assert len(colours) <= 49


def test_persons_are_their_masks(image):
    mask = np.zeros((100, 100), bool)
    mask[20:80, 30:50] = True
    person = SimpleNamespace(bbox=BOX, mask=mask)
    changed = (blur_persons(image, [person], 'person') != image).any(-1)
    assert changed[mask].mean() > 0.99
    assert not changed[:, 58:].any() and not changed[:, :20].any()
    whole = blur_persons(image, [SimpleNamespace(bbox=BOX)], 'person')
    assert (whole != image).any(-1)[10:90, 20:60].mean() > 0.99


def test_where_a_face_is():
    keypoints = np.zeros((17, 2))
    keypoints[:5] = [(40, 20), (43, 17), (37, 17), (46, 19), (34, 19)]
    x1, y1, x2, y2 = face_of(SimpleNamespace(bbox=BOX, keypoints=keypoints))
    assert x1 < 34 and x2 > 46 and y1 < 17 and y2 > 20
    x1, y1, x2, y2 = face_of(SimpleNamespace(bbox=BOX))
    assert y1 == 10 and y2 < 40 and (x1 + x2) / 2 == 40
    nowhere = SimpleNamespace(
        bbox=BOX, face_box=np.zeros(4), keypoints=keypoints)
    assert face_of(nowhere)[0] > 20
    behind = SimpleNamespace(bbox=BOX, keypoints=keypoints * 0 + 30)
    assert (face_of(behind)[2:] - face_of(behind)[:2] > 9).all()


@pytest.mark.parametrize('box', [(-50, -50, -9, -9), (90, 90, 300, 300),
                                 (40, 40, 40, 40), (0, 0, 100, 100)])
@pytest.mark.parametrize('what', ['face', 'person'])
def test_boxes_at_and_beyond_the_border(image, box, what):
    before = image.copy()
    person = SimpleNamespace(bbox=np.array(box, float))
    assert blur_persons(image, [person], what).shape == image.shape
    assert np.array_equal(image, before)


def test_other_words(image):
    with pytest.raises(InputError, match="'hair', must be face or person"):
        blur_persons(image, [], 'hair')
