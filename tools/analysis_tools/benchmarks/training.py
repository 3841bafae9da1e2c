"""B4: matching and losses. B11: a whole training step against DINO."""
from contextlib import contextmanager, nullcontext
from typing import Callable
from unittest.mock import patch

import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmhqnet.ops import deformable_attention, functional, levels
from mmhqnet.testing import make_sample

from . import peers
from .device_waits import DeviceWaits
from .limits import count_macs, mac_limit
from .measure import Options, interleave
from .optimizer import optim_wrapper_config, silently
from .people import make_photo
from .report import Check, Row

SIZE = (512, 512)


def make_data(num_persons: int, size: tuple, batch_size: int = 1) -> dict:
    """A batch as the data loader hands it to a training step.

    Args:
        num_persons (int): Persons in each image.
        size (tuple[int, int]): Height and width.
        batch_size (int): Number of images.

    Returns:
        dict: ``inputs``, uint8 images, and ``data_samples``.
    """
    seeds = range(batch_size)
    return dict(
        inputs=[
            torch.from_numpy(make_photo(size, seed)).permute(2, 0, 1)
            for seed in seeds
        ],
        data_samples=[
            make_sample(num_persons, size, seed=seed, dtype=torch.float32)
            for seed in seeds
        ])


def train_step(model: nn.Module, data: dict,
               options: Options) -> Callable[[], dict]:
    """A function that trains a model by one step.

    Args:
        model (nn.Module): HQNet or a detector of mmdet; it is set to
            training.
        data (dict): The batch.
        options (Options): With the precision.

    Returns:
        Callable: Without arguments; returns the losses.
    """
    model.train()
    config = optim_wrapper_config()
    if options.amp_dtype is not None:
        config.type = 'AmpOptimWrapper'
        config.dtype = str(options.amp_dtype).removeprefix('torch.')
    wrapper = silently(build_optim_wrapper, model, config)

    def step():
        copied = dict(
            inputs=list(data['inputs']),
            data_samples=[sample.clone() for sample in data['data_samples']])
        return model.train_step(copied, wrapper)

    return step


def row_b11(options: Options) -> Row:
    """A training step with all tasks against one of DINO.

    Args:
        options (Options): How to measure.

    Returns:
        Row: 10 persons per image; DINO as shipped.
    """
    size, number = options.pick((SIZE, 10), ((64, 96), 3))
    data = make_data(number, size, options.batch_size)
    runs = dict(
        hqnet=train_step(peers.build_hqnet(options), data, options),
        dino=train_step(peers.build_dino(options), data, options))
    times = interleave(runs, options)
    return Row([
        Check.of_times(
            f'all tasks / DINO as shipped, step of {number} persons, '
            f'{size[0]}x{size[1]}',
            times['hqnet'],
            times['dino'],
            limit=mac_limit(*map(count_macs, runs.values())),
            at_most=1.4)
    ])


def row_b4(options: Options) -> Row:
    """Share of matching and losses in a step, and waits for a device.

    Args:
        options (Options): How to measure.

    Returns:
        Row: The share, forwards and backwards, and the numbers of waits.
    """
    size, number = options.pick((SIZE, 20), ((64, 96), 3))
    model = peers.build_hqnet(options)
    data = make_data(number, size)
    runs = dict(
        step=train_step(model, data, options),
        losses=matching_and_losses(model, data))
    times = interleave(runs, options)
    checks = [
        Check.of_times(
            f'matching and losses / step, {number} persons, '
            f'{size[0]}x{size[1]}',
            times['losses'],
            times['step'],
            limit=mac_limit(*map(count_macs, (runs['losses'], runs['step']))),
            at_most=.1)
    ]
    waits = count_waits(model, data, options)
    checks.append(
        Check(
            'waits for a GPU per step, by our lines',
            sum(waits.ours.values()) + sum(waits.copies.values()),
            limit='1, to read the costs of the matching',
            at_most=3))
    checks.append(
        Check(
            'waits for a GPU per step, by lines of the libraries',
            sum(waits.others.values()),
            limit=''))
    notes = [
        f'{number} x {call} at {line}'
        for counter in (waits.ours, waits.copies, waits.others)
        for (call, line), number in counter.items()
    ]
    return Row(checks, notes=('; '.join(notes), ))


def matching_and_losses(model: nn.Module,
                        data: dict) -> Callable[[], torch.Tensor]:
    """Matching and losses of a step, forwards and backwards, alone.

    The outputs of all branches are computed once. The networks that serve one
    loss only, for the heat maps and the refinement, are part of the step but
    not of this.

    Args:
        model (nn.Module): HQNet in training.
        data (dict): The batch.

    Returns:
        Callable: Without arguments.
    """
    head = model.bbox_head
    inputs = model.data_preprocessor(data, training=True)
    samples = inputs['data_samples']
    with torch.no_grad():
        features = model.extract_feat(inputs['inputs'])
        outputs = model.forward_transformer(features, samples)
        num_dn = outputs['dn_meta']['num_denoising_queries']
        layers = head(outputs['hidden_states'][:, :, num_dn:],
                      [ref[:, num_dn:] for ref in outputs['references']])
    for layer in (*layers, outputs['enc_outputs']):
        for output in layer.values():
            for value in output.values():
                value.requires_grad_()
    outputs['encoded'].pixel_embedding.requires_grad_()
    pose = head.task_heads['pose']

    def run():
        with patch.object(head, 'forward', lambda *args: layers), \
                patch.object(pose, 'heatmap', None), \
                patch.object(pose, 'refine', None):
            losses = head.loss(**outputs, batch_data_samples=samples)
            sum(losses.values()).backward()

    return run


def count_waits(model: nn.Module, data: dict, options: Options) -> DeviceWaits:
    """Count what makes a GPU training wait in one step.

    Args:
        model (nn.Module): HQNet.
        data (dict): The batch.
        options (Options): With the device. On the CPU the attention works
            as it does on a GPU.

    Returns:
        DeviceWaits: The counts.
    """
    step = train_step(model, data, options)
    on_cpu = options.device == 'cpu'
    with attention_as_on_a_gpu() if on_cpu else nullcontext():
        step()  # fills caches
        with DeviceWaits(options.device) as waits:
            step()
    return waits


@contextmanager
def attention_as_on_a_gpu():
    """Let the deformable attention on the CPU do what it does on a GPU.

    The embedding bag is for the CPU alone and may read what it likes; small
    constants are cached on a GPU.
    """
    with patch.object(functional, 'choose', lambda *_: 'grid_sample'), \
            patch.object(deformable_attention, 'constant',
                         levels._cached_tensor):
        yield
