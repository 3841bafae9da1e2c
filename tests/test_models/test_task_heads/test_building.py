"""Which task heads a model can have side by side."""
import pytest

from mmhqnet.errors import InputError
from mmhqnet.models.task_heads import build_task_heads
from mmhqnet.registry import MODELS
from mmhqnet.testing import (tiny_config, tiny_querypose_config,
                             tiny_uniphd_config)

GENDER = dict(type='GenderHead')


def hqnet(heads):
    config = tiny_config(tasks=())
    config['bbox_head']['task_heads'] = heads
    return config, 'model.bbox_head.task_heads'


def querypose(heads):
    config = tiny_querypose_config()
    config['roi_head']['attributes'] = heads
    return config, 'model.roi_head.attributes'


def uniphd(heads):
    config = tiny_uniphd_config()
    config['bbox_head']['attributes'] = heads
    return config, 'model.bbox_head.attributes'


def crops(heads):
    backbone = dict(type='ResNet', depth=18, base_channels=8)
    return dict(
        type='CropAttributes',
        size=(32, 24),
        backbone=backbone,
        embed_dims=64,
        attributes=heads), 'CropAttributes.attributes'


@pytest.mark.parametrize('owner', [hqnet, querypose, uniphd, crops])
def test_an_attribute_has_one_head(owner):
    """Or a head would replace the loss and the predictions of the other."""
    config, where = owner(dict(gender=GENDER, sex=GENDER))
    with pytest.raises(InputError) as error:
        MODELS.build(config)
    line = str(error.value)
    assert f'{where}.gender and {where}.sex' in line and '\n' not in line
    MODELS.build(owner(dict(gender=None, sex=GENDER))[0])


@pytest.mark.parametrize('owner', [querypose, uniphd, crops])
def test_attributes_only(owner):
    config, where = owner(dict(mask=dict(type='MaskHead')))
    with pytest.raises(InputError, match=f'{where}.mask: MaskHead needs more'):
        MODELS.build(config)
    config, where = owner(dict(size=dict(type='SizeHead')))
    with pytest.raises(InputError, match=f"{where}.size: unknown .*'SizeHead"):
        MODELS.build(config)


def category(field, **options):
    return dict(type='CategoryHead', field=field, num_classes=2, **options)


HATS, COATS = category('hats', name='worn'), category('coats', name='worn')


@pytest.mark.parametrize('first, second, same',
                         [(GENDER, category('genders'), 'genders'),
                          (HATS, COATS, 'loss_worn')])
def test_what_two_heads_may_not_share(first, second, same):
    with pytest.raises(InputError, match=repr(same)):
        build_task_heads(dict(a=first, b=second), 'task_heads')


def test_heads_of_different_columns():
    configs = dict(a=HATS, b=category('coats'), c=None)
    heads = build_task_heads(configs, 'task_heads', embed_dims=8)
    assert list(heads) == ['a', 'b'] and heads['a'].embed_dims == 8
