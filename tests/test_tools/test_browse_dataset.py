"""Browsing draws what the training pipeline gives."""
import re
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / 'tests' / 'data' / 'coco_ccby'
CONFIG = ROOT / 'configs' / '_base_' / 'datasets' / 'coco_unihuman.py'
TOOL = runpy.run_path(
    str(ROOT / 'tools' / 'analysis_tools' / 'browse_dataset.py'))


def browse(out_dir, *options, split='train', **dataset):
    dataset = {
        'data_root': f'{PHOTOS}/',
        'ann_file': 'person_keypoints.json',
        'data_prefix.img': 'images/',
        **dataset
    }
    TOOL['main']([
        str(CONFIG), '--out-dir',
        str(out_dir), '--split', split, *options, '--cfg-options', *[
            f'{split}_dataloader.dataset.{key}={value}'
            for key, value in dataset.items()
        ]
    ])
    return sorted(out_dir.glob('*.png'))


def test_pictures_of_training_inputs(tmp_path, capsys):
    pictures = browse(tmp_path / 'a', '--number', '2')
    assert [p.stem
            for p in pictures] == ['00000_000000129648', '00001_000000000790']
    report = [
        line for line in capsys.readouterr().out.splitlines()
        if ' input ' in line
    ]
    assert report[0].endswith('13 persons, 1 crowds')
    for path, line in zip(pictures, report):
        height, width = cv2.imread(str(path)).shape[:2]
        assert f'input {width}x{height},' in line
    # The seed decides about the random transforms.
    again = browse(tmp_path / 'b', '--number', '2')
    other = browse(tmp_path / 'c', '--number', '2', '--seed', '1')
    assert [p.read_bytes()
            for p in again] == [p.read_bytes() for p in pictures]
    assert [p.read_bytes()
            for p in other] != [p.read_bytes() for p in pictures]


def test_evaluation_labels_lie_on_the_original_photo(tmp_path):
    picture, = browse(tmp_path, '--number', '1', split='val')
    photo = cv2.imread(str(PHOTOS / 'images' / '000000129648.jpg'))
    height, width = photo.shape[:2]
    drawn = cv2.imread(str(picture))
    assert drawn.shape[0] / drawn.shape[1] == pytest.approx(
        height / width, rel=1e-2)
    drawn = cv2.resize(drawn, (width, height))
    # Something is drawn, yet most of the photo can be seen.
    changed = np.abs(drawn.astype(int) - photo).max(-1) > 40
    assert .01 < changed.mean() < .5


def test_it_starts_again_when_the_photos_run_out(tmp_path):
    pictures = browse(tmp_path, '--number', '3', indices='2')
    assert [p.stem[-6:] for p in pictures] == ['129648', '000790', '129648']


@pytest.mark.parametrize('dataset, message', [
    (dict(ann_file='absent.json'), 'cannot read .*absent.json'),
    ({
        'data_prefix.img': 'nowhere/'
    }, 'cannot read image .*nowhere'),
    (dict(keypoint_metainfo='crowdpose'), "'keypoints' must be 42 numbers"),
    ({
        'filter_cfg.min_size': 9999
    }, 'none of its 13 images'),
])
def test_bad_data_ends_in_one_line(tmp_path, capsys, dataset, message):
    with pytest.raises(SystemExit) as end:
        browse(tmp_path, **dataset)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith('error: ')]
    assert len(errors) == 1 and re.search(message, errors[0])
    assert not any('Traceback' in line for line in lines)


def test_bad_configs(tmp_path, capsys):
    for config in ('absent.py', 'no_loader.py'):
        path = tmp_path / config
        if config == 'no_loader.py':
            path.write_text("default_scope = 'mmdet'\n")
        with pytest.raises(SystemExit) as end:
            TOOL['main']([str(path)])
        assert end.value.code == 2
        assert config in capsys.readouterr().err
