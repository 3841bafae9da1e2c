"""Tools of UniPHD and RefHuman: files in, files out, errors."""
import argparse
import json
import pickle
import runpy
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.testing import build_model, tiny_config, tiny_uniphd_config

ROOT = Path(__file__).parents[2]
CONVERT, PROMPTS, DEMO, SCORE = (
    runpy.run_path(str(ROOT / 'tools' / name))['main']
    for name in ('model_converters/uniphd_to_mmhqnet.py',
                 'dataset_converters/make_prompts.py', 'prompt_demo.py',
                 'test_prompts.py'))
PHOTO = ROOT / 'tests/data/coco_ccby/images/000000000785.jpg'
COCO = ROOT / 'tests/data/coco_ccby/person_keypoints.json'


def test_a_released_checkpoint_with_its_options(tmp_path, capsys):
    keys = json.loads(
        (ROOT / 'tests/data/parity/uniphd/head_keys.json').read_text())
    weights = {
        key: torch.zeros(()).expand(entry['shape'])
        for key, entry in keys.items()
    }
    source, target = str(tmp_path / 'src.pth'), tmp_path / 'dst.pth'
    torch.save(dict(model=weights, args=argparse.Namespace(lr=1e-4)), source)
    CONVERT([source, str(target)])
    assert 'wrote' in capsys.readouterr().out
    assert 'level_embed' in torch.load(target, weights_only=True)['state_dict']


def test_other_checkpoints_are_refused(tmp_path, capsys):
    source = str(tmp_path / 'src.pth')
    torch.save(dict(model=dict(a=torch.zeros(1))), source)
    with pytest.raises(SystemExit) as end:
        CONVERT([source, str(tmp_path / 'dst.pth')])
    assert end.value.code == 2
    assert 'UniPHD with Swin-T' in capsys.readouterr().err


def test_prompts_of_photos_and_of_described_persons(tmp_path, capsys):
    out = tmp_path / 'ref.json'
    PROMPTS([str(COCO), str(out)])
    content = json.loads(out.read_text())
    assert len(content['images']) == len(content['annotations']) > 5
    number = content['annotations'][0]
    coco = json.loads(COCO.read_text())
    person = next(ann for ann in coco['annotations']
                  if ann['bbox'] == number['bbox'])
    refs = tmp_path / 'refs(unc).p'
    refs.write_bytes(
        pickle.dumps([
            dict(
                ann_id=person['id'],
                split='train',
                sentences=[dict(sent='left man')])
        ]))
    PROMPTS([str(COCO), str(out), '--refs', str(refs)])
    image, = json.loads(out.read_text())['images']
    assert image['caption'] == 'left man'
    assert '1 of them with a caption' in capsys.readouterr().out


@pytest.mark.parametrize('options, message', [
    (['--min-keypoints', '18'], 'no person is left'),
    (['--refs', 'missing.p'], 'missing.p'),
])
def test_errors_are_one_line(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit):
        PROMPTS([str(COCO), str(tmp_path / 'out.json'), *options])
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert not (tmp_path / 'out.json').exists()


@pytest.fixture
def model(tmp_path):
    """Config and checkpoint of a tiny UniPHD."""
    config = Config.fromfile(
        ROOT / 'configs/uniphd/uniphd_toy_r18_1xb4_toy-refhuman.py')
    config._cfg_dict.model = tiny_uniphd_config()
    config.dump(tmp_path / 'config.py')
    init_default_scope('mmdet')
    weights = build_model(config.model, dtype=torch.float32).state_dict()
    meta = dict(dataset_meta=dict(classes=('person', )))
    torch.save(dict(state_dict=weights, meta=meta), tmp_path / 'model.pth')
    return str(tmp_path / 'config.py'), str(tmp_path / 'model.pth')


def test_answers_stand_side_by_side(model, tmp_path, capsys):
    out = str(tmp_path / 'answers.png')
    DEMO([
        str(PHOTO), *model, '--text', 'skier', '--point', '300,200',
        '--scribble', '300,200', '310,220', '--out', out
    ])
    assert capsys.readouterr().out.count('UniPHD') == 3
    picture = cv2.imread(out)
    assert picture.shape[1] % 3 == 0
    assert picture.shape[1] >= 3 * cv2.imread(str(PHOTO)).shape[1]


@pytest.mark.parametrize('options, message', [
    ([], 'who is meant'),
    (['--text', ' '], 'not empty'),
    (['--point', '9999,1'], 'outside of the image'),
    (['--scribble', '1,x'], 'numbers in pixels'),
    (['--box', '1,2,3'], 'x1,y1,x2,y2'),
])
def test_prompts_at_fault_are_one_line(model, tmp_path, capsys, options,
                                       message):
    with pytest.raises(SystemExit):
        DEMO([str(PHOTO), *model, *options, '--out', str(tmp_path / 'a.png')])
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error


def test_prompts_on_a_model_that_reads_none(tmp_path, capsys):
    config = Config.fromfile(
        ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py')
    config.model = tiny_config()
    init_default_scope('mmdet')
    weights = build_model(config.model, torch.float32).state_dict()
    checkpoint = tmp_path / 'tiny.pth'
    torch.save(
        dict(meta=dict(cfg=config.pretty_text), state_dict=weights),
        checkpoint)
    ann_file = tmp_path / 'ref.json'
    PROMPTS([str(COCO), str(ann_file)])
    content = json.loads(ann_file.read_text())
    first, second, *_ = content['images']
    first['caption'], second['caption'] = 'person on the left', 'red hat'
    content['images'] = [first, second]
    content['annotations'] = [
        annotation for annotation in content['annotations']
        if annotation['image_id'] in (first['id'], second['id'])
    ]
    ann_file.write_text(json.dumps(content))
    SCORE([
        str(ann_file),
        str(PHOTO.parent), '--checkpoint',
        str(checkpoint), '--score-thr', '0', '--device', 'cpu'
    ])
    printed = capsys.readouterr().out
    assert '5 prompts compared, 1 captions have words' in printed
    for kind in ('text', 'point', 'scribble'):
        for name in ('pose_AP', 'mask_AP', 'PCKh', 'oIoU'):
            assert f'refhuman/{kind}_{name}: ' in printed
