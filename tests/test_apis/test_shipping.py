"""A checkpoint becomes the model that comes with the package."""
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmhqnet.apis import HQNetInferencer
from mmhqnet.apis.shipping import ship
from mmhqnet.errors import InputError


def test_the_shipped_model_finds_what_the_checkpoint_finds(
        shipped, tiny_training, photos):
    config, checkpoint = map(str, tiny_training)
    first, second = (
        HQNetInferencer(*model, device='cpu',
                        show_progress=False)(photos[0])['predictions'][0]
        for model in ((config, checkpoint), ()))
    assert first.keys() == second.keys() and len(first['scores']) == 10
    np.testing.assert_allclose(first['scores'], second['scores'], atol=1e-2)


def test_it_is_small_and_says_what_it_is(shipped, tiny_training):
    content = torch.load(shipped, weights_only=True)
    weights, meta = content['state_dict'], content['meta']
    full = torch.load(tiny_training[1], weights_only=True)['state_dict']
    assert set(weights) | set(meta['training_only']) == set(full)
    assert not set(weights) & set(meta['training_only'])
    assert {weight.dtype
            for weight in weights.values()
            if weight.dim() > 1} == {torch.float16}
    size = sum(w.numel() * w.element_size() for w in weights.values())
    assert size < 0.5 * sum(4 * w.numel() for w in full.values())
    assert meta['tasks'] == ['box', 'mask', 'pose'] and meta['iter'] == 7
    assert meta['about'] == dict(data='drawings', licence='free')


def test_what_is_left_out_is_of_no_use(shipped, photos):
    # NaN would show in any prediction that reads it.
    inferencer = HQNetInferencer(device='cpu', show_progress=False)
    before = inferencer(photos[0])['predictions']
    left_out = torch.load(shipped, weights_only=True)['meta']['training_only']
    assert any('heatmap' in name for name in left_out)
    assert 'dn_query_generator.label_embedding.weight' in left_out
    weights = inferencer.model.state_dict()
    for name in left_out:
        if weights[name].is_floating_point():
            weights[name].fill_(torch.nan)
    assert inferencer(photos[0])['predictions'] == before


def test_a_prediction_reads_all_the_rest(shipped, photos):
    content = torch.load(shipped, weights_only=True)
    name = 'query_embedding.weight'  # read without a call of its module
    assert name in content['state_dict']
    del content['state_dict'][name]
    torch.save(content, shipped)
    with pytest.raises(InputError, match=f'1 of .*first: {name}'):
        HQNetInferencer(None, str(shipped), 'cpu')


def test_without_arguments_one_line_says_so(shipped, capsys):
    HQNetInferencer(device='cpu', show_progress=False)
    printed = capsys.readouterr()
    line, = (
        line for line in printed.err.splitlines() if line.startswith('using'))
    assert 'tiny' in line and 'no gender; no age' in line
    assert 'missing' not in printed.out


def test_a_picture_without_persons(shipped, tmp_path):
    path = str(tmp_path / 'sky.png')
    cv2.imwrite(path, np.full((48, 64, 3), 200, np.uint8))
    inferencer = HQNetInferencer(device='cpu', show_progress=False)
    persons, = inferencer.predict(path, score_thr=0.99)
    assert len(persons) == 0 and not persons.error


def test_a_new_version_takes_the_place_of_the_old(shipped, tiny_training,
                                                  tmp_path):
    config, checkpoint = tiny_training
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['level_embed'] += 0.5
    torch.save(content, tmp_path / 'better.pth')
    better = ship(
        Config.fromfile(config), str(tmp_path / 'better.pth'), shipped.parent,
        'tiny', {})
    assert list(shipped.parent.iterdir()) == [better] and better != shipped


@pytest.mark.fault
def test_broken_weights_are_not_shipped(tiny_training, tmp_path):
    config, checkpoint = tiny_training
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['level_embed'].fill_(torch.nan)
    torch.save(content, tmp_path / 'broken.pth')
    with pytest.raises(InputError, match='finite'):
        ship(
            Config.fromfile(config), str(tmp_path / 'broken.pth'),
            tmp_path / 'out', 'tiny', {})
    assert not any((tmp_path / 'out').iterdir())
