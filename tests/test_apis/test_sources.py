"""Whatever has images becomes frames, or one clear line."""
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
from PIL import Image

from mmhqnet.apis.sources import as_bgr, count_frames, image_paths, read_frames
from mmhqnet.errors import InputError


@pytest.fixture
def video(tmp_path):
    """A video whose frames can be told apart; 10 frames per second."""
    path = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for index in range(30):
        writer.write(np.full((48, 64, 3), 8 * index, np.uint8))
    writer.release()
    return path


def shade(frame):
    return round(frame.image.mean() / 8)


def test_video(video):
    frames = list(read_frames(video))
    assert [shade(frame) for frame in frames] == list(range(30))
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[7].time == pytest.approx(0.7)
    assert frames[7].name == 'film_000007' and frames[7].path == str(video)
    assert count_frames(video) == 30


@pytest.mark.parametrize('start, stop, every', [(0, None, 7), (5, 20, 1),
                                                (3, 4, 1), (29, None, 2),
                                                (2, 28, 5)])
def test_chosen_frames(video, start, stop, every):
    frames = read_frames(video, every, start, stop)
    assert [shade(f) for f in frames] == list(range(30))[start:stop:every]


def test_a_video_that_is_cut_off(video):
    content = video.read_bytes()
    video.write_bytes(content[:len(content) * 3 // 4])
    *frames, last = read_frames(video)
    assert 0 < len(frames) < 29 and not any(frame.error for frame in frames)
    # the frame that was cut may be damaged
    whole = [shade(frame) for frame in frames[:-1]]
    assert whole == list(range(len(whole)))
    assert last.image is None and 'cut off' in last.error


@pytest.mark.parametrize('content', [b'', b'no video', b'RIFF' + bytes(99)])
def test_files_that_are_no_video(tmp_path, content):
    path = tmp_path / 'film.mp4'
    path.write_bytes(content)
    with pytest.raises(InputError, match='film.mp4 (cannot be opened|has no)'):
        list(read_frames(path))
    with pytest.raises(InputError, match='none.mp4 does not exist'):
        list(read_frames('none.mp4'))


def test_a_camera_that_is_absent():
    with pytest.raises(InputError, match='camera 77 cannot be opened'):
        list(read_frames(77))


def test_folders_patterns_and_lists(photos):
    folder = Path(photos[0]).parent
    names = sorted(path.stem for path in folder.iterdir())
    assert [f.name for f in read_frames(folder)] == names
    assert [f.name for f in read_frames(f'{folder}/*.jp*g')] == names
    assert [f.name for f in read_frames([photos[:2], photos[2]])
            ] == [Path(path).stem for path in photos]
    assert count_frames(folder) == len(names)
    assert count_frames([folder, photos[0]]) == len(names) + 1
    assert list(image_paths([folder, photos[0], 5
                             ])) == [f'{folder}/{name}.jpg'
                                     for name in names] + [photos[0]]
    mixed = list(read_frames([np.zeros((3, 4, 3), np.uint8), photos[0]]))
    assert [frame.name
            for frame in mixed] == ['00000000',
                                    Path(photos[0]).stem]


def test_iterators_are_read_one_by_one(photos):
    asked = []

    def images():
        for path in photos:
            asked.append(path)
            yield path

    frames = read_frames(images())
    next(frames)
    assert asked == photos[:1]
    assert count_frames(images()) is None


@pytest.mark.parametrize('source, message', [
    ('*.nothing', 'no file matches'),
    ('.', 'no images in'),
    (3.5, 'a float is no image'),
    (b'x', 'a bytes is no image'),
])
def test_nothing_there(tmp_path, monkeypatch, photos, source, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        list(read_frames(source))
    frames = list(read_frames([photos[0], source, photos[1]]))
    assert [bool(frame.error) for frame in frames] == [False, True, False]
    assert message in frames[1].error
    assert count_frames([photos[0], '*.nothing']) == 2


COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


@pytest.mark.parametrize('image, expected', [
    (COLOUR, COLOUR),
    (COLOUR[..., 0], COLOUR[..., [0, 0, 0]]),
    (COLOUR[..., :1], COLOUR[..., [0, 0, 0]]),
    (np.dstack([COLOUR, COLOUR[..., 0]]), COLOUR),
    (COLOUR.astype(np.uint16) * 257, COLOUR),
    (COLOUR / 255, COLOUR),
    ((COLOUR / 255).astype(np.float32), COLOUR),
    (COLOUR > 99, (COLOUR > 99) * 255),
    (Image.fromarray(COLOUR[..., ::-1]), COLOUR),
    (Image.fromarray(COLOUR[..., 0]), COLOUR[..., [0, 0, 0]]),
    (Image.fromarray(
        COLOUR[..., 0].astype(np.uint16) * 257), COLOUR[..., [0, 0, 0]]),
])
def test_arrays_and_pil_images(image, expected):
    converted = as_bgr(image)
    assert converted.dtype == np.uint8 and converted.flags.c_contiguous
    assert np.array_equal(converted, expected)


def test_pil_images_are_turned_as_files_are(tmp_path):
    photo = Image.fromarray(COLOUR)
    exif = photo.getexif()
    exif[0x0112] = 6
    path = str(tmp_path / 'turned.png')
    photo.save(path, exif=exif)
    with Image.open(path) as opened:
        assert as_bgr(opened).shape == (9, 6, 3)
        assert np.array_equal(as_bgr(opened), mmcv.imread(path))


@pytest.mark.parametrize('image', [
    np.zeros((0, 5, 3), np.uint8),
    np.zeros((4, 5, 6, 7), np.uint8),
    np.zeros((5, 5, 2), np.uint8), COLOUR * 1.0,
    COLOUR.astype(np.int64),
    np.full((3, 3), np.nan),
    np.zeros(5, np.uint8)
])
def test_arrays_that_are_no_image(image):
    with pytest.raises(InputError) as error:
        as_bgr(image)
    assert '\n' not in str(error.value)


def test_16_bit_files(tmp_path):
    path = str(tmp_path / 'deep.png')
    cv2.imwrite(path, COLOUR.astype(np.uint16) * 257)
    frame, = read_frames(path)
    assert np.array_equal(frame.image, COLOUR)
