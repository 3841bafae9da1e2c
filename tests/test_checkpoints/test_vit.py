"""Every weight of a pretrained transformer lands where it should."""
import pytest
import torch

from mmhqnet.checkpoints import convert_vit
from mmhqnet.errors import InputError
from mmhqnet.models.backbones import PlainViT

SIZES = dict(img_size=64, pretrain_img_size=48, window_size=2)
CONFIG = dict(embed_dims=16, depth=2, num_heads=2, global_blocks=(1, ))


def model():
    return PlainViT(**CONFIG, **SIZES)


def generated(seed=0):
    """Random weights of our own layout."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(weight.shape, generator=generator)
        for name, weight in model().state_dict().items()
    }


def mae(weights):
    weights = {k: v for k, v in weights.items() if 'rel_pos' not in k}
    token = torch.randn(1, 1, 16)
    weights['pos_embed'] = torch.cat([token, weights['pos_embed']], 1)
    return dict(
        model=dict(
            weights,
            cls_token=token,
            **{
                'norm.weight': torch.ones(16),
                'decoder_blocks.0.norm1.weight': torch.ones(8)
            }))


def humanbench(weights):
    weights = {k: v for k, v in weights.items() if 'rel_pos' not in k}
    return dict(
        state_dict={
            f'module.backbone_module.{name}': weight
            for name, weight in dict(
                weights, cls_token_pos_embed=torch.zeros(1, 1, 16)).items()
        })


def vitdet(weights):
    return dict(
        state_dict={
            **{
                f'backbone.{name}': weight
                for name, weight in weights.items()
            }, 'neck.fpn1.0.weight': torch.ones(3)
        })


@pytest.mark.parametrize('layout, relative', [(mae, False),
                                              (humanbench, False),
                                              (vitdet, True)])
def test_by_value(layout, relative):
    weights = generated()
    converted = convert_vit(layout(weights), **SIZES, global_blocks=(1, ))
    own = model()
    own.init_weights()
    missing, unexpected = own.load_state_dict(
        {
            k.removeprefix('backbone.'): v
            for k, v in converted.items()
        },
        strict=False)
    assert not unexpected
    assert all('rel_pos' in name
               for name in missing) and (bool(missing) != relative)
    for name, weight in own.state_dict().items():
        expected = torch.zeros_like(
            weight) if name in missing else weights[name]
        assert (weight == expected).all(), name


def test_other_sizes_are_interpolated():
    weights = generated()
    converted = convert_vit(
        vitdet(weights),
        img_size=96,
        pretrain_img_size=64,
        window_size=3,
        global_blocks=(1, ))
    other = PlainViT(
        **CONFIG, img_size=96, pretrain_img_size=64, window_size=3)
    other.load_state_dict({
        k.removeprefix('backbone.'): v
        for k, v in converted.items()
    })
    # a smooth map of positions stays what it is
    ramp = torch.linspace(0, 1, 3).repeat(3, 1).view(1, 9, 1).repeat(1, 1, 16)
    weights['pos_embed'] = ramp
    wide = convert_vit(
        vitdet(weights),
        **dict(SIZES, pretrain_img_size=96),
        global_blocks=(1, ))['backbone.pos_embed'].view(6, 6, 16)
    assert (wide.diff(dim=1) > 0).all() and wide.diff(dim=0).abs().max() < 1e-6


@pytest.mark.parametrize('change, message', [
    (dict(patch_size=14, pretrain_img_size=42), 'patches of 16 pixels'),
])
def test_other_patches_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        convert_vit(vitdet(generated()), **{**SIZES, **change})


def test_other_models_are_refused():
    with pytest.raises(InputError, match='they lack patch_embed.proj.weight'):
        convert_vit({'backbone.conv1.weight': torch.ones(1)})
    weights = generated()
    weights['pos_embed'] = torch.zeros(1, 7, 16)
    with pytest.raises(InputError, match='no square'):
        convert_vit(vitdet(weights), **SIZES)
