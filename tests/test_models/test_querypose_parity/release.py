"""What the released QueryPose computes, and how ours is compared with it."""
import contextlib
import functools
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose

from mmhqnet.checkpoints.querypose import querypose_name
from mmhqnet.registry import MODELS
from mmhqnet.utils.checkpoint import convert_querypose

ROOT = Path(__file__).parents[3]
PARITY = ROOT / 'tests/data/parity'
DETERMINISTIC = SimpleNamespace(
    **runpy.run_path(str(PARITY / 'deterministic.py')))
SEED, NUM_PROPOSALS, NUM_STAGES, CANVAS = 0, 20, 6, (160, 192)
CONFIGS = dict(
    light='querypose-light_r50_8xb2-140k_coco.py',
    full='querypose_r50_8xb2-140k_coco.py')
# What keeps activations alive, and boxes and queries in a sane range.
FACTORS = {
    r'inst_convs\.\d+\.weight$': 2**0.5,
    r'part_embed_generator\.upsample\.0\.weight$': 2,
    r'part_embed_generator\.LSA_conv\.weight$': 3,
    r'bboxes_delta\.weight$': 0.2,
    r'^part_query\.weight$': 128**0.5,
    r'^init_proposal_features\.weight$': 16,
}


@functools.lru_cache(maxsize=None)
def stored(name):
    with np.load(PARITY / f'querypose/{name}_seed{SEED}.npz') as file:
        return {
            key:
            torch.from_numpy(value) if value.dtype.kind in 'fib' else value
            for key, value in file.items()
        }


def normal(name, *shape):
    return torch.from_numpy(DETERMINISTIC._rng(f'{SEED}:{name}').randn(*shape))


def released_weights(version, num_stages):
    """Weights of the release's first stages, under its names."""
    keys = json.loads((PARITY / 'querypose/querypose_keys.json').read_text())
    shapes = keys['full']
    lacking = set(keys['light_lacks']) if version == 'light' else set()
    weights = {}
    for key, shape in shapes.items():
        stage = re.search(r'series\.(\d)', key)
        if key in lacking or stage and int(stage[1]) >= num_stages:
            continue
        if key.startswith('init_proposal'):
            shape = [NUM_PROPOSALS, shape[1]]
        weights[key] = torch.as_tensor(DETERMINISTIC.weight(
            key, shape, SEED)) * float(
                np.prod([
                    factor for pattern, factor in FACTORS.items()
                    if re.search(pattern, key)
                ]))
    weights['init_proposal_boxes.weight'] = stored(
        f'decoder_{version}')['init_boxes_cxcywh']
    weights['criterion.flow.flow.mask'] = torch.tensor([[0., 1.], [1., 0.]] *
                                                       3)
    return weights


@functools.lru_cache(maxsize=1)
def build(version, num_stages):
    init_default_scope('mmdet')
    config = Config.fromfile(ROOT / 'configs/querypose' /
                             CONFIGS[version]).model
    config.backbone.init_cfg = None
    config.rpn_head.num_proposals = NUM_PROPOSALS
    config.roi_head.num_stages = num_stages
    config.roi_head.stage_loss_weights = [1] * num_stages
    model = MODELS.build(config).double()
    weights = convert_querypose(released_weights(version, num_stages))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(name.startswith(('backbone.', 'neck.')) for name in missing)
    return model


@contextlib.contextmanager
def watch(**modules):
    """What goes into modules, (args, output) by name, while they are used."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _, args, output, name=name: seen.
                                     update({name: (args, output)}))
        for name, module in modules.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def assert_equal(ours, reference, rtol=1e-9, name=''):
    if reference.dtype == torch.float32:  # rounded for size
        rtol = max(rtol, 1e-6)
    ours, reference = ours.detach(), reference.to(ours.dtype)
    assert ours.shape == reference.shape, name
    error = (ours - reference).abs().max() / reference.abs().max()
    assert error <= rtol, f'{name}: {error}'


def assert_gradients_equal(model, keys, norms, rtol, prefix=''):
    parameters = dict(model.named_parameters())
    for key, norm in zip(keys, norms.tolist()):
        key = prefix + str(key).removeprefix(prefix)
        gradient = parameters[querypose_name(key)].grad
        ours = 0. if gradient is None else gradient.norm().item()
        # Some are zero but for rounding.
        assert_allclose(ours, norm, rtol=rtol, atol=1e-9, err_msg=key)
