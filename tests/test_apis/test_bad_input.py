"""A right answer or one clear line, and the rest is done all the same."""
import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmhqnet.apis import HQNetInferencer
from mmhqnet.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PREDICT = runpy.run_path(str(ROOT / 'tools/predict.py'))['main']
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.fixture
def inferencer(config, checkpoint):
    return HQNetInferencer(config, checkpoint, 'cpu', show_progress=False)


def film(path, num_frames=12, codec='MJPG'):
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*codec), 10, (64, 48))
    for _ in range(num_frames):
        writer.write(NOISE)
    writer.release()
    return path


@pytest.mark.parametrize('name, image', [
    ('1x1.png', NOISE[:1, :1]),
    ('wide.png', np.zeros((240, 12000, 3), np.uint8)),
    ('16_bit.png', NOISE.astype(np.uint16) * 257),
    ('float.tiff', (NOISE / 255).astype(np.float32)),
    ('grey.png', NOISE[..., 0]),
    ('rgba.png', np.dstack([NOISE, NOISE[..., 0]])),
])
def test_odd_image_files(inferencer, tmp_path, name, image):
    """All are images; the one may be refused, in a line that names it."""
    path = str(tmp_path / name)
    assert cv2.imwrite(path, image)
    odd, plain = inferencer.stream([path, NOISE])
    assert len(plain) == 1
    if odd.error:
        assert name == 'float.tiff', odd.error
        assert path in odd.error and '\n' not in odd.error
    else:
        assert len(odd) == 1 and odd.image.shape == (*image.shape[:2], 3)
        assert odd.image.dtype == np.uint8
        json.loads(odd.to_json())
        assert odd.plot().ndim == 3


@pytest.mark.parametrize('image', [
    NOISE[:1, :1],
    np.zeros((240, 12000, 3), np.uint8),
    NOISE.astype(np.uint16) * 257,
    NOISE / 255,
    np.dstack([NOISE, NOISE[..., 0]]),
])
def test_odd_arrays(inferencer, image):
    persons, = inferencer.predict(image)
    assert len(persons) == 1 and persons.image.shape == (*image.shape[:2], 3)


def test_zero_persons(inferencer, tmp_path):
    persons, = inferencer.predict(NOISE, score_thr=0.99)
    assert len(persons) == 0 and json.loads(persons.to_json())['persons'] == []
    assert (persons.plot() == NOISE).all()
    assert persons.to_coco(1, 'bbox') == persons.to_coco(1, 'segm') == []


def empty_folder(folder):
    (folder / 'empty').mkdir()
    return folder / 'empty', 'no images in'


def without_frames(folder):
    return film(folder / 'none.avi', 0), 'none.avi'


def not_a_codec(folder):
    path = film(folder / 'codec.avi')
    path.write_bytes(path.read_bytes().replace(b'MJPG', b'ZZZZ'))
    return path, 'codec.avi'


def cut(folder):
    path = film(folder / 'cut.avi')
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    return path, 'cut.avi'


def absent_camera(folder):
    return 77, 'camera 77 cannot be opened'


def absent_video(folder):
    return folder / 'absent.mp4', 'absent.mp4 does not exist'


def text(folder):
    (folder / 'text.jpg').write_text('no image')
    return folder / 'text.jpg', 'text.jpg'


BAD = (empty_folder, without_frames, not_a_codec, cut, absent_camera,
       absent_video, text)


@pytest.mark.fault
@pytest.mark.parametrize('make', BAD)
def test_bad_sources(inferencer, tmp_path, make):
    source, message = make(tmp_path)
    done, error = [], None
    try:
        for persons in inferencer.stream(source):
            done.append(persons)
    except InputError as refusal:
        error = str(refusal)
    error = error or done.pop().error
    assert message in error and '\n' not in error
    # Half of a film is half of the answers.
    assert (len(done) > 2) == (make is cut)
    assert not any(persons.error for persons in done)


@pytest.mark.fault
@pytest.mark.parametrize('make', BAD)
def test_bad_sources_between_good_ones(inferencer, photos, tmp_path, make):
    source, message = make(tmp_path)
    results = list(inferencer.stream([photos[0], source, photos[1]]))
    assert results[0].path == photos[0] and results[-1].path == photos[1]
    assert len(results[0]) == len(results[-1]) == 1
    error, = (persons.error for persons in results if persons.error)
    assert message in error


@pytest.mark.fault
def test_a_mixed_folder_on_the_command_line(config_file, checkpoint, tmp_path,
                                            capsys):
    folder = tmp_path / 'mixed'
    folder.mkdir()
    for name in 'ab':
        cv2.imwrite(str(folder / f'{name}.png'), NOISE)
    text(folder)
    (folder / 'notes.txt').write_text('not asked for')
    out = tmp_path / 'out'
    status = PREDICT([
        str(folder), '--config', config_file, '--checkpoint', checkpoint,
        '--out', str(out), '--device', 'cpu', '--no-pictures'
    ])  # yapf: disable
    assert status == 1
    said, = (
        line for line in capsys.readouterr().err.splitlines()
        if line.startswith('error: '))
    assert 'text.jpg' in said
    lines = (out / 'persons.jsonl').read_text().splitlines()
    assert [('error' in json.loads(line))
            for line in lines] == [False, False, True]
