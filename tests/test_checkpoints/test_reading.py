"""Reading checkpoints, and converting those of relatives."""
import json
import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from mmengine.utils import digit_version

from mmhqnet.checkpoints import (check_weights_fit, convert_dino,
                                 convert_official, read_checkpoint,
                                 stored_config, write_weights)
from mmhqnet.errors import InputError

REFERENCE_KEYS = (
    Path(__file__).parents[1] / 'data/parity/reference_keys.json')


@pytest.fixture
def model():
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


@pytest.fixture
def save(tmp_path):

    def write(content):
        path = tmp_path / 'checkpoint.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        return str(path)

    return write


def test_what_was_saved_is_read(model, save):
    state_dict = model.state_dict()
    for content in (state_dict, dict(meta={}, state_dict=state_dict)):
        read = read_checkpoint(save(content))['state_dict']
        assert all(torch.equal(read[k], state_dict[k]) for k in state_dict)


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'\x80\x02'])
def test_other_files(save, content):
    with pytest.raises(InputError, match='checkpoint.pth cannot be read'):
        read_checkpoint(save(content))


def test_truncated(model, save, tmp_path):
    path = save(model.state_dict())
    whole = (tmp_path / 'checkpoint.pth').read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 10):
        save(whole[:length])
        with pytest.raises(InputError, match='cannot be read'):
            read_checkpoint(path)


def test_missing():
    with pytest.raises(InputError, match='none.pth does not exist'):
        read_checkpoint('none.pth')


def test_not_a_dict(save):
    with pytest.raises(InputError, match='holds no weights but a list'):
        read_checkpoint(save([1, 2]))


def test_fitting_weights_are_accepted(model):
    state_dict = model.state_dict()
    check_weights_fit(model, state_dict, 'x.pth')
    wrapped = {f'module.{k}': v for k, v in state_dict.items()}
    check_weights_fit(model, wrapped, 'x.pth')
    check_weights_fit(model, dict(state_dict, more=torch.ones(1)), 'x.pth')
    state_dict.pop('1.num_batches_tracked')
    check_weights_fit(model, state_dict, 'x.pth')


@pytest.mark.parametrize('change', [
    lambda weights: weights.pop('0.bias'),
    lambda weights: weights.update({'0.bias': torch.ones(5)}),
    lambda weights: weights.update({'0.bias': 'no tensor'}),
])
def test_each_unfit_weight_is_noticed(model, change):
    state_dict = model.state_dict()
    change(state_dict)
    with pytest.raises(InputError, match='x.pth.*1 of .* 6 .*first: 0.bias'):
        check_weights_fit(model, state_dict, 'x.pth')


def test_stored_config():
    text = 'a = 1'
    runtime = dict(message_hub=dict(runtime_info=dict(cfg=text)))
    for checkpoint in (runtime, dict(meta=dict(cfg=text))):
        assert stored_config(checkpoint, 'x.pth').a == 1
    with pytest.raises(InputError, match='x.pth holds no config'):
        stored_config({}, 'x.pth')


class RunsCode:
    """What a hostile file holds: unpickling it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder), )


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('place', ['meta', 'state_dict', 'optimizer'])
@pytest.mark.parametrize('weights_only', [
    True,
    pytest.param(
        None,
        marks=pytest.mark.skipif(
            digit_version(torch.__version__) < digit_version('2.6.0'),
            reason='PyTorch trusts files by default')),
])
def test_code_is_refused(tmp_path, place, is_zip, weights_only):
    checkpoint = dict(meta={}, state_dict=dict(weight=torch.ones(1)))
    checkpoint[place] = dict(hostile=RunsCode(tmp_path / 'executed'))
    path = tmp_path / 'hostile.pth'
    torch.save(checkpoint, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(InputError, match='hostile.pth is refused.*mkdir') as e:
        read_checkpoint(str(path), weights_only=weights_only)
    assert '\n' not in str(e.value)
    assert not (tmp_path / 'executed').exists()


def test_own_classes_are_refused(tmp_path):
    path = tmp_path / 'object.pth'
    torch.save(dict(state_dict={}, meta=RunsCode), path)
    with pytest.raises(InputError, match='is refused: it asks for .*RunsCode'):
        read_checkpoint(str(path), weights_only=True)


@pytest.mark.parametrize('is_zip', [True, False])
def test_checkpoints_of_old_mmcv_are_read(model, tmp_path, is_zip):
    """As mmcv 1.x wrote them: text, numbers, plain containers, tensors."""
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    state_dict = OrderedDict(model.state_dict())
    state_dict._metadata = model.state_dict()._metadata
    meta = dict(
        env_info='sys.platform: linux',
        config="model = dict(type='HumanQueryDetector')",
        mmcv_version='1.7.0',
        time='Sat Nov 18 2023',
        seed=None,
        epoch=100,
        iter=400,
        hook_msgs={},
        CLASSES=('person', ),
        PALETTE=[(220, 20, 60)])
    path = tmp_path / 'old.pth'
    torch.save(
        dict(
            meta=meta, state_dict=state_dict,
            optimizer=optimizer.state_dict()),
        path,
        _use_new_zipfile_serialization=is_zip)
    read = read_checkpoint(str(path), weights_only=True)
    assert read['meta'] == meta
    assert read['optimizer']['state'][0]['step'] == 1
    for name, weight in model.state_dict().items():
        assert torch.equal(read['state_dict'][name], weight)


def test_weights_only_reads_files_alone():
    with pytest.raises(InputError, match='does not exist'):
        read_checkpoint('https://example.org/x.pth', weights_only=True)


def test_written_weights_are_read(model, tmp_path):
    path = str(tmp_path / 'new' / 'folder' / 'x.pth')
    write_weights(model.state_dict(), path)
    read = read_checkpoint(path, weights_only=True)
    check_weights_fit(model, read['state_dict'], path)
    assert read['meta']['dataset_meta']['classes'] == ('person', )


def test_unwritable(model, tmp_path):
    (tmp_path / 'file').write_text('')
    for path in (tmp_path, tmp_path / 'file' / 'x.pth'):
        with pytest.raises(InputError, match=f'cannot write {path}'):
            write_weights(model.state_dict(), str(path))


@pytest.fixture(scope='module')
def official():
    """Weights of the release that differ from each other, without memory."""
    shapes = json.loads(REFERENCE_KEYS.read_text())
    return {
        name: torch.tensor(float(number)).expand(shape)
        for number, (name, shape) in enumerate(shapes.items(), 1)
    }


@pytest.fixture
def mesh():
    """Some of the weights that we have no use for."""
    return {
        'bbox_head.smpl_pose_branches.0.6.weight': torch.ones(144, 512),
        'bbox_head.smpl_betas_branches.0.6.bias': torch.ones(10),
        'bbox_head.pose_prior_loss.means': torch.ones(8, 69)
    }


def number(weight):
    return weight.flatten()[0].item()


def test_every_official_weight_is_kept_once(official):
    converted = convert_official(official)
    assert len(converted) == len(official) == 853
    assert (sorted(abs(number(w)) for w in converted.values()) == sorted(
        number(w) for w in official.values()))


def test_shapes_stay_and_only_genders_are_negated(official):
    by_number = {number(weight): name for name, weight in official.items()}
    negated = []
    for name, weight in convert_official(official).items():
        source = by_number[abs(number(weight))]
        assert weight.shape == official[source].shape
        if number(weight) < 0:
            negated.append(source)
            assert '.gender.' in name
            assert torch.equal(weight, -official[source])
    assert sorted(negated) == [
        f'bbox_head.attr_branches.0.{layer}.{kind}' for layer in range(7)
        for kind in ('bias', 'weight')
    ]


@pytest.mark.parametrize('source, target', [
    ('backbone.layer4.2.bn3.running_var', ) * 2,
    ('neck.extra_convs.0.gn.bias', ) * 2,
    ('bbox_head.transformer.level_embeds', 'level_embed'),
    ('bbox_head.transformer.enc_output.bias', 'memory_trans_fc.bias'),
    ('bbox_head.transformer.decoder.layers.4.attentions.1.value_proj.bias',
     'decoder.layers.4.cross_attn.value_proj.bias'),
    ('bbox_head.transformer.encoder.layers.5.ffns.0.layers.0.0.weight',
     'encoder.layers.5.ffn.layers.0.0.weight'),
    ('bbox_head.transformer.decoder.ref_point_head.2.weight',
     'decoder.ref_point_head.layers.1.weight'),
    ('bbox_head.seg_mask_branches.6.2.weight',
     'bbox_head.task_heads.mask.mask_branches.6.2.weight'),
    ('bbox_head.transformer.kpt_refine_decoder.layers.1.norms.2.weight',
     'bbox_head.task_heads.pose.refine.layers.1.norms.2.weight'),
    ('bbox_head.attr_branches.1.3.weight',
     'bbox_head.task_heads.age.branches.3.0.weight'),
])
def test_names(official, source, target):
    assert number(convert_official(official)[target]) == number(
        official[source])


def test_wrapped_official_checkpoints(official):
    expected = convert_official(official)
    wrapped = dict(
        meta=dict(epoch=100),
        state_dict={
            f'module.{k}': w
            for k, w in official.items()
        },
        optimizer=dict(state={}))
    for checkpoint in (wrapped, wrapped['state_dict']):
        converted = convert_official(checkpoint)
        assert list(converted) == list(expected)
        assert all(
            number(converted[k]) == number(expected[k]) for k in expected)


def test_mesh_heads_are_dropped_with_one_message(official, mesh, monkeypatch):
    messages = []
    monkeypatch.setattr('mmhqnet.checkpoints.official.print_log',
                        lambda message, **kwargs: messages.append(message))
    before = set(official)
    assert convert_official(official).keys() == convert_official({
        **official,
        **mesh
    }).keys()
    message, = messages
    assert '3 weights of the mesh heads' in message
    assert set(official) == before


def test_official_errors_name_the_weights(official):
    cls, fc, query = ('bbox_head.cls_branches.2.bias', 'bbox_head.fc_hm.bias',
                      'bbox_head.query_embed.weight')
    missing = {k: w for k, w in official.items() if k not in (cls, fc)}
    for weights, message in [
        (missing, rf'2 missing \({cls}, {fc}\)'),
        (dict(official, mine=torch.ones(1)), r'1 unexpected \(mine\)'),
        (dict(official, **{query: torch.ones(900, 256)}),
         r'1 misshapen \(' + query + r' is \(900, 256\) instead of '
         r'\(300, 256\)\)'),
        (dict(missing, mine=torch.ones(1),
              yours=torch.ones(1)), '2 missing .*; 2 unexpected'),
        (dict(level_embed=torch.ones(1)),
         r'853 missing \(.*, .*, .*, \.\.\.\); 1 unexpected'),
        (dict(official, **{fc: 'text'}), f'{fc} is not a weight but a str'),
        (dict(state_dict=[1]), 'expected weights by name, got a list'),
        ([1], 'expected weights by name, got a list'),
    ]:
        with pytest.raises(InputError, match=message) as error:
            convert_official(weights)
        assert '\n' not in str(error.value)


@pytest.fixture
def dino():
    """What a DINO with 8 classes, 6 queries and 4 levels is recognised by."""
    torch.manual_seed(0)
    shapes = {
        'backbone.conv1.weight': (3, 2),
        'neck.convs.0.conv.weight': (4, 1),
        'neck.convs.1.conv.weight': (4, 2),
        'neck.convs.2.conv.weight': (4, 3),
        'neck.convs.2.gn.bias': (4, ),
        'neck.extra_convs.0.conv.weight': (4, 3),
        'level_embed': (4, 4),
        'decoder.ref_point_head.layers.0.weight': (4, 8),
        'query_embedding.weight': (6, 4),
        'dn_query_generator.label_embedding.weight': (8, 4),
        'bbox_head.cls_branches.0.weight': (8, 4),
        'bbox_head.cls_branches.0.bias': (8, ),
        'bbox_head.cls_branches.1.weight': (8, 4),
        'bbox_head.reg_branches.0.0.weight': (4, 4),
    }
    return {name: torch.randn(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize('person', [0, 5])
def test_the_four_edits_of_a_dino(dino, person):
    converted = convert_dino(dino, num_queries=3, person_index=person)
    expected = dict(dino)
    for level in (2, 1, 0):
        expected[f'neck.convs.{level + 1}.conv.weight'] = expected.pop(
            f'neck.convs.{level}.conv.weight')
    expected['neck.convs.3.gn.bias'] = expected.pop('neck.convs.2.gn.bias')
    for name in ('dn_query_generator.label_embedding.weight',
                 'bbox_head.cls_branches.0.weight',
                 'bbox_head.cls_branches.0.bias',
                 'bbox_head.cls_branches.1.weight'):
        expected[name] = dino[name][[person]]
    expected['query_embedding.weight'] = dino['query_embedding.weight'][:3]
    assert converted.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(converted[name], weight), name


def test_cut_weights_are_saved_without_the_rest(dino):
    weights = convert_dino(dino, num_queries=3)
    for name in ('query_embedding.weight', 'bbox_head.cls_branches.0.weight'):
        weight = weights[name]
        assert weight.untyped_storage().nbytes() == 4 * weight.numel()


def test_wrapped_dino(dino):
    wrapped = dict(
        meta={}, state_dict={
            f'module.{k}': w
            for k, w in dino.items()
        })
    expected = convert_dino(dino, num_queries=6)
    converted = convert_dino(wrapped, num_queries=6)
    assert all(torch.equal(converted[k], expected[k]) for k in expected)


def test_dino_errors(dino, official):
    five_levels = dict(
        dino, **{
            'level_embed': torch.ones(5, 4),
            'neck.convs.3.conv.weight': torch.ones(4, 1)
        })
    wide = {'decoder.ref_point_head.layers.0.weight': torch.ones(4, 16)}
    for weights, options, message in [
        (dino, {}, 'num_queries is 300, but this DINO has 6'),
        (dino, dict(num_queries=0), 'num_queries is 0'),
        (dino, dict(num_queries=6, person_index=8), 'person_index is 8, .* 8'),
        (dino, dict(num_queries=6, person_index=-1), 'person_index is -1'),
        (official, {}, 'not the weights of a DINO .* lack level_embed, '),
        (five_levels, dict(num_queries=6), '5 feature levels, 4 of them'),
        (dict(dino, **wide), dict(num_queries=6), 'onedl-.*16 .* of 8'),
    ]:
        with pytest.raises(InputError, match=message):
            convert_dino(weights, **options)
