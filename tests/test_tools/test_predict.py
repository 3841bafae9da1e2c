"""tools/predict.py: a tiny model on photos, a folder and a video."""
import io
import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.testing import build_model, tiny_config

ROOT = Path(__file__).resolve().parents[2]
MAIN = runpy.run_path(str(ROOT / 'tools/predict.py'))['main']
SCHEMA = json.loads((ROOT / 'docs/persons.schema.json').read_text())


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A checkpoint with its config, as training writes it."""
    config = Config.fromfile(ROOT / 'configs/hqnet'
                             '/hqnet_r50_16xb1-100e_coco-unihuman.py')
    config.model = tiny_config()
    for step in config.test_dataloader.dataset.pipeline:
        if step.type == 'HumanResize':
            step.scale = (96, 96)
    init_default_scope('mmdet')
    weights = build_model(config.model, torch.float32).state_dict()
    path = tmp_path_factory.mktemp('model') / 'tiny.pth'
    torch.save(
        dict(meta=dict(cfg=config.pretty_text), state_dict=weights), path)
    return str(path)


@pytest.fixture
def run(checkpoint, tmp_path, capsys):
    """Calls the tool; returns exit status, lines of stdout, and stderr."""

    def call(*arguments):
        try:
            status = MAIN([
                *map(str, arguments), '--checkpoint', checkpoint, '--device',
                'cpu', '--score-thr', '0'
            ])
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err

    return call


def test_photos_from_the_config_in_the_checkpoint(run, photos, tmp_path):
    jsonschema = pytest.importorskip('jsonschema')
    paths = sorted((photos / 'images').iterdir())[:3]
    status, printed, error = run(*paths, '--out', tmp_path / 'out', '--json')
    assert status == 0 and '3 images, 0 of them' in error
    written = (tmp_path / 'out/persons.jsonl').read_text().splitlines()
    assert written == printed and len(written) == 3
    for line in written:
        jsonschema.validate(json.loads(line), SCHEMA)
        assert len(json.loads(line)['persons']) == 10
    assert len(list((tmp_path / 'out/pictures').iterdir())) == 3
    status, printed, error = run(photos / 'images', '--out', tmp_path / 'out',
                                 '--resume', '--json', '--no-pictures')
    assert status == 0 and len(printed) == 10  # of 13


def test_attributes_off_and_tasks(run, photos):
    path = photos / 'images' / '000000000785.jpg'
    _, (line, ), _ = run(path, '--json', '--no-attributes')
    person = json.loads(line)['persons'][0]
    assert 'mask' in person and not {'age', 'gender'} & set(person)
    _, (line, ), _ = run(path, '--json', '--tasks', 'age')
    assert set(json.loads(line)['persons'][0]) == {'bbox', 'score', 'age'}


def test_a_list_on_standard_input(run, photos, monkeypatch):
    paths = [str(p) for p in sorted((photos / 'images').iterdir())[:2]]
    monkeypatch.setattr('sys.stdin', io.StringIO('\n'.join([*paths, ''])))
    _, lines, _ = run('-', '--json', '--tasks', 'age')
    assert [json.loads(line)['image']['path'] for line in lines] == paths


@pytest.mark.fault
def test_what_cannot_be_read_is_said_and_the_rest_done(run, photos, tmp_path):
    path = photos / 'images' / '000000000785.jpg'
    (tmp_path / 'text.jpg').write_text('no image')
    status, lines, error = run(tmp_path / 'text.jpg', path, 'none.mp4',
                               '--json', '--out', tmp_path / 'out')
    assert [('error' in json.loads(line)) for line in lines] == [True, False]
    assert status == 2 and 'none.mp4 does not exist' in error


@pytest.mark.fault
@pytest.mark.parametrize('arguments, message', [
    (['a.jpg', '--json', '--resume'], '--resume needs --out'),
    (['*.nothing', '--json'], 'no file matches'),
    (['a.jpg', '--json', '--config', 'none.py'], 'none.py does not exist'),
    (['a.jpg', '--json', '--tasks', 'nose'], "no task 'nose'"),
    (['77', '--json'], 'camera 77'),
])
def test_bad_input(run, arguments, message):
    status, lines, error = run(*arguments)
    assert status == 2 and not lines
    assert message in error.splitlines()[-1]


def test_a_video_becomes_a_video(run, tmp_path):
    path = str(tmp_path / 'film.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 10,
                             (64, 48))
    for _ in range(6):
        writer.write(np.full((48, 64, 3), 99, np.uint8))
    writer.release()
    out = tmp_path / 'out'
    assert run(path, '--out', out, '--every', '2', '--blur', 'face')[0] == 0
    frames = [
        json.loads(line)['image']['frame']
        for line in (out / 'persons.jsonl').read_text().splitlines()
    ]
    assert frames == [0, 2, 4]
    assert cv2.VideoCapture(str(out / 'film.mp4')).get(
        cv2.CAP_PROP_FRAME_COUNT) == 3


@pytest.mark.parametrize(
    'options',
    [['--point', '320,200'], ['--scribble', '320,200', '330,220'],
     ['--box', '200,100,500,400'], ['--text', 'person on the left']])
def test_a_prompt_leaves_one_person(run, photos, options):
    path = photos / 'images' / '000000000785.jpg'
    status, (line, ), _ = run(path, '--json', *options)
    result = json.loads(line)
    assert status == 0 and len(result['persons']) <= 1
    assert result['prompt']['kind'] == options[0][2:]


def test_a_prompt_at_fault_is_one_line(run, photos):
    path = photos / 'images' / '000000000785.jpg'
    for options, message in ((['--point',
                               '3'], 'x,y must be'), (['--text',
                                                       ' '], 'caption'),
                             (['--point', '9999,1'], 'outside of the image')):
        status, _, error = run(path, '--json', *options)
        assert status and message in error
