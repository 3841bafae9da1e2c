"""From drawn videos to IDF1: the tools of tracking, end to end."""
import importlib.util
import json
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.datasets.annotations.mot_files import parse_tracks
from mmhqnet.errors import InputError
from mmhqnet.files import read_json
from mmhqnet.registry import MODELS
from mmhqnet.toy.panned import make_up_attributes

pytest.importorskip('motmetrics')
pytest.importorskip('lap')
ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/tracking/hqnet_toy_r18_human-queries_toy-videos.py'


def load_tool(path):
    path = ROOT / 'tools' / path
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    out = tmp_path_factory.mktemp('tracking') / 'videos'
    load_tool('dataset_converters/make_toy_videos.py').main([
        str(out), '--num-videos', '2', '--num-frames', '3', '--image-size',
        '96', '64'
    ])
    return out


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Random weights: what they find is nonsense, but found everywhere."""
    init_default_scope('mmdet')
    torch.manual_seed(0)
    detector = MODELS.build(Config.fromfile(CONFIG).model.detector)
    detector.init_weights()
    path = tmp_path_factory.mktemp('tracking') / 'random.pth'
    torch.save(dict(state_dict=detector.state_dict()), path)
    return str(path)


def options(videos):
    return [
        '--cfg-options', f'test_dataloader.dataset.data_root={videos}/',
        'model.tracker.obj_score_thr=0.0'
    ]


def test_tracks_of_every_video_are_written(videos, checkpoint, tmp_path):
    load_tool('test_tracking.py').main([
        str(CONFIG), '--detector', checkpoint, '--work-dir',
        str(tmp_path / 'work'), '--out',
        str(tmp_path / 'tracks'), *options(videos)
    ])
    names = sorted(path.name for path in (tmp_path / 'tracks').iterdir())
    assert names == ['000000_toy.txt', '000001_toy.txt']
    assert (tmp_path / 'tracks/000000_toy.txt').read_text().startswith('1,1,')


def test_all_trackers_get_the_same_detections(videos, checkpoint, tmp_path):
    out = tmp_path / 'scores.json'
    load_tool('analysis_tools/compare_trackers.py').main([
        str(CONFIG), '--detector', checkpoint, '--box-only', checkpoint,
        '--out',
        str(out), *options(videos)
    ])
    rows = json.loads(out.read_text())
    assert {
        'human queries (min)', 'human queries (mean)', 'SORT', 'ByteTrack',
        'OC-SORT', 'box-only model: SORT'
    } <= set(rows)
    # the box-only model of this test has the same weights
    assert rows['box-only model: SORT'] == rows['SORT']


def test_trackers_of_another_detector(videos, checkpoint, tmp_path):
    load = load_tool('analysis_tools/compare_trackers.py').load_detector
    detector = load(
        ROOT / 'configs/hqnet/hqnet_demo_r18_1xb4_toy-unihuman.py')
    assert detector == Config.fromfile(CONFIG).model.detector
    with pytest.raises(InputError, match='none.py'):
        load(str(ROOT / 'none.py'))


@pytest.mark.parametrize('arguments, message', [
    (['--num-videos', '0'], '--num-videos'),
    (['--max-persons', '1'], '--max-persons'),
    (['--image-size', '20', '90'], '--image-size'),
    (['--photos', 'none.json'], 'none.json does not exist'),
])
def test_bad_options(tmp_path, capsys, arguments, message):
    tool = load_tool('dataset_converters/make_toy_videos.py')
    with pytest.raises(SystemExit) as stop:
        tool.main([str(tmp_path / 'out'), *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_photos_get_labels_to_learn_by_heart(photos, tmp_path, capsys):
    """Beside the clips lies what the detector for them learns from."""
    source = photos / 'person_keypoints.json'
    load_tool('dataset_converters/make_toy_videos.py').main([
        str(tmp_path / 'out'), '--photos', str(source), '--num-frames', '1',
        '--image-size', '64', '64', '--seed', '3'
    ])
    written = read_json(tmp_path / 'out/photos.json')
    assert written == make_up_attributes(read_json(source), 3)
    assert written != make_up_attributes(read_json(source), 4)
    assert len(list((tmp_path / 'out/images/val').iterdir())) == 13


def test_configs_without_a_detector_are_refused(checkpoint, capsys, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("model = dict(type='HQNet')\n")
    with pytest.raises(SystemExit):
        load_tool('test_tracking.py').main(
            [str(config), '--detector', checkpoint])
    assert 'no model.detector' in capsys.readouterr().err


def test_track_writes_lines_tracks_and_a_video(videos, checkpoint, tmp_path):
    frames = sorted((videos / 'images/val/000000_toy').glob('*.jpg'))
    film = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(
        str(film), cv2.VideoWriter_fourcc(*'MJPG'), 10, (96, 64))
    for frame in frames:
        writer.write(cv2.imread(str(frame)))
    writer.release()
    tracker = tmp_path / 'tracker.py'
    tracker.write_text("model = dict(tracker=dict(type='HumanQueryTracker', "
                       'obj_score_thr=0.0))\n')
    out = tmp_path / 'out'
    load_tool('track.py').main([
        str(film), '--config',
        str(ROOT / 'configs/hqnet/hqnet_demo_r18_1xb4_toy-unihuman.py'),
        '--checkpoint', checkpoint, '--out',
        str(out), '--tracker',
        str(tracker), '--score-thr', '0', '--trail', '5'
    ])
    lines = (out / 'persons.jsonl').read_text().splitlines()
    persons = [json.loads(line)['persons'] for line in lines]
    assert len(persons) == len(frames) == 3
    ids = [[person['track_id'] for person in frame] for frame in persons]
    assert all(len(set(frame)) == len(frame) > 0 for frame in ids)
    assert 'human_queries' not in persons[0][0]
    tracks = parse_tracks((out / 'tracks.txt').read_text(), 'tracks.txt', 3)
    assert [found.tolist() for found, _ in tracks] == ids
    assert (out / 'film.mp4').stat().st_size > 0


def test_track_names_a_config_without_a_tracker(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("model = dict(type='HQNet')\n")
    with pytest.raises(InputError, match='no model.tracker'):
        load_tool('track.py').load_tracker(str(config))


def test_a_trail_of_the_future_is_refused(videos, checkpoint, tmp_path,
                                          capsys):
    with pytest.raises(SystemExit) as end:
        load_tool('track.py').main([
            str(videos / 'images/val/000000_toy'), '--config',
            str(ROOT / 'configs/hqnet/hqnet_demo_r18_1xb4_toy-unihuman.py'),
            '--checkpoint', checkpoint, '--out',
            str(tmp_path / 'out'), '--trail', '-3'
        ])
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        'error: trail=-3: it must not be negative; 0 draws none')
    assert not (tmp_path / 'out').exists()
