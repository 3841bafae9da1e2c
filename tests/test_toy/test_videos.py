"""Written clips are a tracking data set that a perfect tracker solves."""
import json

import numpy as np
import pytest

from mmhqnet.datasets.posetrack21 import list_sequences, load_sequence
from mmhqnet.errors import InputError
from mmhqnet.evaluation.metrics.posetrack_mot_metric import evaluate_sequence
from mmhqnet.toy.videos import (ANNOTATIONS, drawn_clips, panned_clips,
                                write_videos)


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    out = tmp_path_factory.mktemp('toy') / 'videos'
    write_videos(
        out, drawn_clips(0, 2, (80, 64), 6, 3), report=lambda line: None)
    return out


def test_posetrack_layout(videos):
    folder = videos / 'posetrack_mot/mot/val'
    assert list_sequences(str(folder)) == ['000000_toy', '000001_toy']
    frames, tracks = load_sequence(str(folder / '000000_toy'))
    assert len(frames) == len(tracks) == 6
    assert all((videos / frame['file_name']).is_file() for frame in frames)
    counts = evaluate_sequence('000000_toy', tracks, tracks, None).summary()
    assert counts['IDF1'] == counts['MOTA'] == 1


def test_annotations_say_the_same_as_the_tracks(videos):
    content = json.loads((videos / ANNOTATIONS).read_text())
    assert len({a['id']
                for a in content['annotations']
                }) == len(content['annotations'])
    image = next(i for i in content['images']
                 if i['video'] == '000001_toy' and i['frame_id'] == 3)
    persons = [
        a for a in content['annotations'] if a['image_id'] == image['id']
    ]
    _, tracks = load_sequence(
        str(videos / 'posetrack_mot/mot/val' / '000001_toy'))
    ids, boxes = tracks[3]
    assert ids.tolist() == [person['track_id'] for person in persons]
    np.testing.assert_array_equal(boxes, [p['bbox'] for p in persons])
    assert all({'keypoints', 'segmentation', 'gender', 'age'} <= set(p)
               for p in persons)


def test_panned_photos(photos, tmp_path):
    clips = panned_clips(0, photos / 'person_keypoints.json',
                         photos / 'images', (160, 160), 2, 0)
    assert write_videos(tmp_path / 'out', clips, lambda line: None) == 26
    content = json.loads((tmp_path / 'out' / ANNOTATIONS).read_text())
    crowds = [a for a in content['annotations'] if a['iscrowd']]
    mot = tmp_path / 'out/posetrack_mot/mot/val'
    frames, tracks = zip(*map(load_sequence, map(str, sorted(mot.iterdir()))))
    regions = [r for clip in frames for f in clip for r in f['ignore_regions']]
    assert len(regions) == len(crowds) > 0
    for region, crowd in zip(regions, crowds):
        x, y, w, h = crowd['bbox']
        np.testing.assert_allclose(region.min(0), (x, y))
        np.testing.assert_allclose(region.max(0), (x + w, y + h))
    tracked = sum(len(ids) for clip in tracks for ids, _ in clip)
    assert tracked == len(content['annotations']) - len(crowds)


def test_nothing_is_overwritten_or_half_written(videos, tmp_path):
    before = sorted(videos.rglob('*'))
    with pytest.raises(InputError, match='not an empty folder'):
        write_videos(videos, drawn_clips(0, 1, (80, 64), 2, 2))
    assert sorted(videos.rglob('*')) == before

    def interrupted():
        yield from drawn_clips(0, 1, (80, 64), 2, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_videos(tmp_path / 'out', interrupted(), lambda line: None)
    assert not list(tmp_path.iterdir())
