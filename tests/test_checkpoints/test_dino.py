"""mmdet's DINO as a start."""
import pytest
import torch

from mmhqnet.checkpoints import convert_dino
from mmhqnet.errors import InputError


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


@pytest.mark.parametrize('name', [
    'query_embedding.weight', 'bbox_head.cls_branches.0.weight', 'level_embed',
    'decoder.ref_point_head.layers.0.weight'
])
def test_weights_of_another_shape(dino, name):
    dino[name] = dino[name].flatten()
    with pytest.raises(InputError, match=f'{name} has the shape .* 2 dim'):
        convert_dino(dino, num_queries=3)
