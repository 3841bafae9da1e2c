"""The weights of the release under our names."""
import pytest
import torch

from mmhqnet.checkpoints import convert_official
from mmhqnet.errors import InputError


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
