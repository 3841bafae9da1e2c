"""Results written one by one: nothing is lost, nothing is done twice."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmhqnet.apis import HQNetInferencer, Persons, predict_to_folder
from mmhqnet.errors import InputError
from mmhqnet.tracking import FrameTracker


@pytest.fixture
def inferencer(config, checkpoint):
    return HQNetInferencer(config, checkpoint, 'cpu', show_progress=False)


@pytest.fixture
def video(tmp_path):
    path = str(tmp_path / 'film.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 10,
                             (64, 48))
    for index in range(12):
        writer.write(np.full((48, 64, 3), 20 * index, np.uint8))
    writer.release()
    return path


def lines(out):
    return [
        json.loads(line)
        for line in (Path(out) / 'persons.jsonl').read_text().splitlines()
    ]


def test_lines_pictures_and_a_video(inferencer, photos, video, tmp_path):
    out = tmp_path / 'out'
    results = list(
        predict_to_folder(inferencer, [*photos, video], str(out), every=2))
    assert lines(out) == [persons.to_dict() for persons in results]
    assert [line['image']['path']
            for line in lines(out)] == [*photos, *[video] * 6]
    assert {p.stem
            for p in (out / 'pictures').iterdir()
            } == {Path(photo).stem
                  for photo in photos}
    drawn = cv2.VideoCapture(str(out / 'film.mp4'))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 6
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(5)


def test_an_interrupted_run_goes_on(inferencer, photos, video, tmp_path):
    out = str(tmp_path / 'out')
    sources = [*photos, 'none.jpg', video]
    whole = [
        persons.to_dict() for persons in predict_to_folder(
            inferencer,
            sources,
            str(tmp_path / 'whole'),
            pictures=False,
            every=3)
    ]
    run = predict_to_folder(inferencer, sources, out, pictures=False, every=3)
    for _ in range(6):  # the photos, the error and two frames
        next(run)
    run.close()
    with open(f'{out}/persons.jsonl', 'a') as file:
        file.write('{"version": 1, "ima')  # killed while writing
    rest = [
        persons.name for persons in predict_to_folder(
            inferencer, sources, out, resume=True, pictures=False, every=3)
    ]
    assert rest == ['none', 'film_000006', 'film_000009']
    assert [line['image'] for line in lines(out) if 'error' not in line
            ] == [line['image'] for line in whole if 'error' not in line]
    assert list(
        predict_to_folder(
            inferencer, photos, out, resume=True, pictures=False)) == []


def test_results_of_another_run_are_not_touched(inferencer, photos, tmp_path):
    out = str(tmp_path / 'out')
    list(predict_to_folder(inferencer, photos[:1], out, pictures=False))
    before = lines(out)
    with pytest.raises(InputError, match='go on with --resume'):
        next(predict_to_folder(inferencer, photos, out))
    assert lines(out) == before


def test_two_images_of_one_name(inferencer, photos, tmp_path):
    twin = tmp_path / Path(photos[0]).name
    cv2.imwrite(str(twin), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(InputError, match='both be written'):
        next(
            predict_to_folder(inferencer, [photos[0], str(twin)],
                              str(tmp_path / 'out')))


def test_blurred_pictures(inferencer, photos, tmp_path):
    pictures = []
    for blur in (None, 'person'):
        out = tmp_path / str(blur)
        list(predict_to_folder(inferencer, photos[:1], str(out), blur=blur))
        pictures.append(cv2.imread(str(next(out.glob('pictures/*')))))
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize('trail', [0, 3])
def test_trails_of_tracked_persons(inferencer, video, tmp_path, monkeypatch,
                                   trail):
    drawn = []

    def plot(persons, blur=None, trails=None):
        drawn.append((persons, trails))
        return persons.image

    monkeypatch.setattr(Persons, 'plot', plot)
    tracker = FrameTracker(
        dict(type='ByteTracker', motion=dict(type='KalmanFilter')))
    list(
        predict_to_folder(
            inferencer, [video],
            str(tmp_path / 'out'),
            score_thr=0,
            trail=trail,
            tracker=tracker))
    assert len(drawn) == 12
    for persons, trails in drawn:
        if trail:
            x1, _, x2, y2 = persons.columns['bboxes'].T
            feet = np.stack([(x1 + x2) / 2, y2], 1)
            assert [len(way) <= 3 for way in trails] == [True] * len(persons)
            assert (np.array([way[-1] for way in trails]) == feet).all()
        else:
            assert trails is None
    assert not trail or max(len(way) for way in drawn[-1][1]) > 1


def test_nothing_is_written_without_a_folder(inferencer, photos, tmp_path):
    before = set(tmp_path.rglob('*'))
    assert len(list(predict_to_folder(inferencer, photos, None))) == 3
    assert set(tmp_path.rglob('*')) == before


def test_a_bad_source_leaves_no_empty_folder_behind(inferencer, tmp_path):
    with pytest.raises(InputError, match='none.mp4'):
        next(
            predict_to_folder(inferencer, ['none.mp4'], str(tmp_path / 'out')))
    assert not (tmp_path / 'out' / 'persons.jsonl').exists()


@pytest.mark.fault
@pytest.mark.parametrize('options, message', [
    (dict(trail=-3), 'trail=-3: .* 0 draws none'),
    (dict(every=0), 'every=0'),
    (dict(start=-1), 'start=-1'),
    (dict(stop=-1), 'stop=-1'),
])
def test_options_at_fault_leave_nothing_behind(inferencer, video, tmp_path,
                                               options, message):
    for out in (str(tmp_path / 'out'), None):
        with pytest.raises(InputError, match=message):
            next(predict_to_folder(inferencer, [video], out, **options))
    assert not (tmp_path / 'out').exists()
