"""The converters as command-line tools: files in, files out, errors."""
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

import mmhqnet.models  # noqa: F401
from mmhqnet.registry import MODELS

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / 'tools/model_converters'
OFFICIAL, DINO, MOBILENET = (
    runpy.run_path(str(TOOLS / name))['main']
    for name in ('official_to_mmhqnet.py', 'dino_to_mmhqnet.py',
                 'mobilenetv2_to_mmdet.py'))


@pytest.fixture(scope='module')
def model():
    """The model of the main config; each test loads what it looks at."""
    config = Config.fromfile(
        ROOT / 'configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py')
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    return model.to_empty(device='cpu')


@pytest.fixture
def official(tmp_path):
    """A checkpoint like the release's, with mesh heads; weights are ones."""
    shapes = json.loads(
        (ROOT / 'tests/data/parity/reference_keys.json').read_text())
    shapes['bbox_head.smpl_pose_branches.0.0.weight'] = (512, 256)
    weights = {name: torch.tensor(1.).expand(s) for name, s in shapes.items()}
    return save(weights, tmp_path / 'official.pth')


@pytest.fixture
def dino(model, tmp_path):
    """A checkpoint like that of a DINO for COCO; weights are ones."""
    shapes = {
        name: weight.shape
        for name, weight in model.state_dict().items()
        if '.task_heads.' not in name and not name.startswith(
            ('pixel_embedding.', 'neck.convs.'))
    }
    for level, channels in enumerate((512, 1024, 2048)):
        shapes[f'neck.convs.{level}.conv.weight'] = (256, channels, 1, 1)
        shapes[f'neck.convs.{level}.gn.weight'] = (256, )
        shapes[f'neck.convs.{level}.gn.bias'] = (256, )
    shapes['query_embedding.weight'] = (900, 256)
    for name in shapes:
        if 'cls_branches' in name or 'label_embedding' in name:
            shapes[name] = (80, *shapes[name][1:])
    weights = {name: torch.tensor(1.).expand(s) for name, s in shapes.items()}
    weights['query_embedding.weight'] = torch.arange(900.)[:, None].expand(
        900, 256)
    return save(weights, tmp_path / 'dino.pth')


def save(weights, path):
    torch.save(dict(meta={}, state_dict=weights, optimizer={}), path)
    return path


def error_of(main, *arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    assert exit.value.code == 2
    # Other libraries may warn on the same stream, depending on the order.
    line, = (
        line for line in capsys.readouterr().err.splitlines()
        if line.startswith('error: '))
    return line


def test_official_loads_strictly(official, model, tmp_path, capsys):
    target = tmp_path / 'new' / 'hqnet.pth'
    OFFICIAL([str(official), str(target)])
    assert str(target) in capsys.readouterr().out
    load_checkpoint(model, str(target), map_location='cpu', strict=True)
    heads = model.bbox_head.task_heads
    assert (heads.age.branches[6][0].weight == 1).all()
    assert (heads.gender.branches[0][0].weight == -1).all()


def test_dino_loads_but_for_what_is_new(dino, model, tmp_path, capsys):
    target = tmp_path / 'person.pth'
    DINO([str(dino), str(target)])
    assert f'load_from={target}' in capsys.readouterr().out
    weights = torch.load(target, weights_only=True)['state_dict']
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert {name.split('.')[0]
            for name in missing} == {'neck', 'pixel_embedding', 'bbox_head'}
    assert all(
        name.startswith(('neck.convs.0.', 'pixel_embedding.',
                         'bbox_head.task_heads.')) for name in missing)
    assert model.query_embedding.weight[:, 0].tolist() == list(range(300))


def test_dino_options(dino, tmp_path, capsys):
    target = tmp_path / 'person.pth'
    DINO([str(dino), str(target), '--num-queries', '900'])
    weights = torch.load(target, weights_only=True)['state_dict']
    assert len(weights['query_embedding.weight']) == 900
    line = error_of(DINO, dino, target, '--person-index', 80, capsys=capsys)
    assert 'person_index is 80' in line


@pytest.mark.parametrize('main', [OFFICIAL, DINO, MOBILENET])
def test_bad_files_end_in_one_line(main, tmp_path, hostile, capsys):
    target = tmp_path / 'out.pth'
    save(hostile, tmp_path / 'hostile.pth')
    save(dict(a=torch.ones(1)), tmp_path / 'other.pth')
    (tmp_path / 'text.pth').write_text('no checkpoint')
    for name, message in (('hostile.pth',
                           'is refused'), ('other.pth', 'are not the weights'),
                          ('text.pth', 'cannot be read'), ('none.pth',
                                                           'does not exist')):
        line = error_of(main, tmp_path / name, target, capsys=capsys)
        assert line.startswith('error: ') and message in line
    assert not target.exists()


@pytest.mark.parametrize('main, source', [(OFFICIAL, 'official'),
                                          (DINO, 'dino')])
def test_unwritable_target(main, source, request, tmp_path, capsys):
    source = request.getfixturevalue(source)
    line = error_of(main, source, tmp_path, capsys=capsys)
    assert line.startswith(f'error: cannot write {tmp_path}')


@pytest.mark.parametrize('tool', sorted(TOOLS.glob('*.py')))
def test_help_names_the_arguments(tool):
    text = subprocess.run([sys.executable, tool, '--help'],
                          capture_output=True,
                          text=True,
                          check=True).stdout
    assert 'src' in text and 'dst' in text


def test_vit_file_becomes_a_backbone(tmp_path):
    from mmhqnet.models.backbones import PlainViT
    main = runpy.run_path(str(TOOLS / 'vit_to_mmhqnet.py'))['main']
    backbone = PlainViT(
        embed_dims=8, depth=1, num_heads=2, img_size=64, global_blocks=(0, ))
    weights = backbone.state_dict()
    for name in [name for name in weights if 'rel_pos' in name]:
        del weights[name]
    torch.save(dict(model=weights), tmp_path / 'mae.pth')
    main([str(tmp_path / 'mae.pth'), str(tmp_path / 'out/vit.pth')])
    converted = torch.load(tmp_path / 'out/vit.pth')['state_dict']
    assert set(converted) == {f'backbone.{name}' for name in weights}


def test_vit_tool_refuses_other_files(tmp_path, capsys):
    main = runpy.run_path(str(TOOLS / 'vit_to_mmhqnet.py'))['main']
    torch.save({'conv.weight': torch.ones(1)}, tmp_path / 'other.pth')
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / 'other.pth'), str(tmp_path / 'out.pth')])
    assert stop.value.code == 2 and not (tmp_path / 'out.pth').exists()
    assert 'plain vision transformer' in capsys.readouterr().err
